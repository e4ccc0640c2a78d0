"""What using the contracts costs: held to the targets, to the snapshot, and to the contract of 2017.

`make gas` prints the table and makes its figures the snapshot.
"""

from __future__ import annotations

import os

import pytest
from rich.table import Table

from sonar_core.cli.console import open_console
from tests.gas import snapshot
from tests.gas.measures import Measure, Meter
from tests.world.contracts import ETHER, blob

#: Whole transactions, in the chain's coin.
TARGETS = {
    "create": 260_000,
    "submitGradient, first in the queue": 60_000,
    "submitGradient, later": 60_000,
    "scoreGradient, improvement, another waits": 58_000,
    "scoreGradient, improvement, the last": 58_000,
    "claim, one Gradient": 48_000,
    "claim, each further Gradient": 12_000,
}
#: What was done by the contract of 2017, and by which transaction it is done today.
_HOT_PATHS = {
    "addGradient": "submitGradient, later",
    "evalGradient": "scoreGradient, improvement, another waits",
}
_MEASURED = pytest.StashKey[dict[str, Measure]]()

pytestmark = pytest.mark.chain


@pytest.fixture(autouse=True)
def foundry(chain):
    if chain.provider.name != "foundry":
        pytest.skip("gas is measured on Foundry, whose node traces what a transaction changed")


@pytest.fixture
def measures(stage, token, request) -> dict[str, Measure]:
    """Played for the first test that asks; the others read the same figures."""
    if _MEASURED not in request.config.stash:
        request.config.stash[_MEASURED] = _measured(stage, token)
    return request.config.stash[_MEASURED]


def _measured(stage, token) -> dict[str, Measure]:
    measured = Meter(stage, token).run()
    one, five = measured["claim, one Gradient"], measured["claim, five Gradients"]
    further = Measure((five.gas - one.gas) // 4, (five.floor - one.floor) // 4)
    measured["claim, each further Gradient"] = further
    return measured


def test_every_transaction_is_within_its_target_and_as_cheap_as_it_was(measures, capsys) -> None:
    with capsys.disabled():
        _show(measures)
    gas = {name: measure.gas for name, measure in measures.items()}
    assert all(gas[name] <= most for name, most in TARGETS.items()), gas
    assert all(measure.floor <= measure.gas for measure in measures.values()), "a floor above the cost is no floor"
    if os.environ.get("GAS_SNAPSHOT") == "write":
        snapshot.write(gas)
    assert snapshot.rises(snapshot.read(), gas) == []


def test_the_contract_of_2017_cost_more(stage, project, measures, capsys) -> None:
    former = _costs_of_2017(stage, project.Sonar2017)
    table = Table("Hot path", "2017", "Today", "Times cheaper")
    times = {}
    for name, today in _HOT_PATHS.items():
        times[name] = former[name] / measures[today].gas
        table.add_row(name, f"{former[name]:,}", f"{measures[today].gas:,}", f"{times[name]:.2f}")
    with capsys.disabled():
        open_console().print(table)
    assert times["addGradient"] >= 1.8
    assert times["evalGradient"] >= 2.3


def _costs_of_2017(stage, contract) -> dict[str, int]:
    """The second of each, with payout: the first ones pay for slots that are never used before."""
    former = stage.scientist.deploy(contract)
    words = [[blob(f"{name} {half}") for half in ("first", "second")] for name in range(5)]
    former.addModel(words[0], 1000, 0, sender=stage.scientist, value=ETHER)
    for place in (1, 2):
        added = former.addGradient(0, words[place], sender=stage.miner)
    for place in (0, 1):
        scored = former.evalGradient(place, 900 - 100 * place, words[3 + place], sender=stage.scientist)
    return {"addGradient": added.gas_used, "evalGradient": scored.gas_used}


def _show(measures: dict[str, Measure]) -> None:
    table = Table("Transaction", "Gas", "Floor", "Above it", "Target")
    for name, measure in measures.items():
        target = f"{TARGETS[name]:,}" if name in TARGETS else ""
        above = f"{measure.gas / measure.floor - 1:.0%}"
        table.add_row(name, f"{measure.gas:,}", f"{measure.floor:,}", above, target)
    open_console().print(table)
