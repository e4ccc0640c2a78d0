"""Plays an attack under measurement, and prints what all of them came to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from sonar_core.chain.contracts import SonarContracts
from sonar_core.protocol.ledger import Ledger
from tests.attacks.catalogue import ATTACKS, ATTACKS_OF_2017
from tests.attacks.measure import GAS_PRICE, Amount, Purse
from tests.attacks.table import Row, markdown

_ROWS = pytest.StashKey[dict[str, Row]]()
_PROPERTY = "attack"


@dataclass
class Attack:
    """An attack under way.

    Attributes:
        honest: what the attacker's work is paid where nobody attacks; only what is beyond it is profit.
        owed: what the victims gain where nobody attacks.
        gas_counts: it would be worth something but for its gas, at `GAS_PRICE`: profit is what is left after that.
        profit, gas, loss: filled when it is over; gas in units.
    """

    honest: Amount = field(default_factory=Amount)
    owed: Amount = field(default_factory=Amount)
    profit: Amount = field(default_factory=Amount)
    loss: Amount = field(default_factory=Amount)
    gas: int = 0
    gas_counts: bool = False


@pytest.fixture
def campaigns(chain, sonar):
    """All Campaigns of this test's Sonar, as their events tell, whenever it is called."""
    client = SonarContracts(sonar.address)
    return lambda: Ledger().apply_all(client.events(0, client.newest_block() + 1)).campaigns.values()


@pytest.fixture
def play(request, record_property, chain, token, campaigns):
    """Plays the attack that the test is marked with: measures it, asserts that it did not pay, and keeps its row.

    `play(by, hands, victims=..., outcome=...)`: the attacker's role and all its addresses; who is harmed if it works;
    what became of it. Of an attack on the contract of 2017 it asserts that it paid.
    """
    name = request.node.get_closest_marker("attack").args[0]
    assert name in ATTACKS or name in ATTACKS_OF_2017, f"{name!r} is not in the catalogue"
    played = []

    def purse(accounts, money, ledger) -> Purse:
        addresses = frozenset(str(account.address) for account in accounts)
        return Purse(addresses, chain.provider.web3, money.balanceOf, ledger)

    @contextmanager
    def played_out(by, hands, *, victims=(), outcome, money=token, ledger=campaigns) -> Iterator[Attack]:
        start, attack = chain.provider.web3.eth.block_number, Attack()
        attacker, victim = purse(hands, money, ledger), purse(victims, money, ledger)
        held, had = attacker.holds(), victim.holds()
        yield attack
        attack.gas, paid = attacker.burnt(start)
        attack.profit = attacker.holds() + Amount(paid) - held - attack.honest
        if attack.gas_counts:
            attack.profit -= Amount(attack.gas * GAS_PRICE)
        attack.loss = attack.owed - (victim.holds() + Amount(victim.burnt(start)[1]) - had)
        row = _row(name, by, attack, attacker.forfeited(), outcome)
        record_property(_PROPERTY, row.to_json())
        played.append(row)
        assert attack.profit.none is (name in ATTACKS), row

    yield played_out
    assert played or request.node.stash.get(_FAILED, False), f"{name!r} was not played"


def _row(name: str, by: str, attack: Attack, forfeited: Amount, outcome: str) -> Row:
    return Row(
        attack=name,
        attacker=by,
        profit_coin=attack.profit.coin,
        profit_token=attack.profit.token,
        gas=attack.gas * GAS_PRICE,
        forfeited_coin=forfeited.coin,
        forfeited_token=forfeited.token,
        loss_coin=attack.loss.coin,
        loss_token=attack.loss.token,
        outcome=outcome,
    )


# ---------------------------------------------------------------------- what pytest tells

_FAILED = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "attack(name): plays this attack of the catalogue")
    config.stash[_ROWS] = {}
    config.pluginmanager.register(_Listener(config), "attacks")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    report = yield
    if report.when == "call" and report.failed:
        item.stash[_FAILED] = True
    return report


class _Listener:
    """Rows travel with the reports of tests, so that they arrive from xdist's workers as well."""

    def __init__(self, config: pytest.Config) -> None:
        self._rows = config.stash[_ROWS]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            self._keep(value for name, value in report.user_properties if name == _PROPERTY)

    def _keep(self, values: Iterable[object]) -> None:
        for row in (Row.from_json(str(value)) for value in values):
            self._rows[row.attack] = row


def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:
    rows = config.stash[_ROWS]
    if not rows:
        return
    of_today, former = len(rows.keys() & set(ATTACKS)), len(rows.keys() & set(ATTACKS_OF_2017))
    terminalreporter.section("attacks")
    terminalreporter.line(markdown(rows.values()))
    terminalreporter.line(
        f"\n{of_today} of {len(ATTACKS)} attacks on Sonar played, none paid; "
        f"{former} of {len(ATTACKS_OF_2017)} on the contract of 2017, which paid."
    )
