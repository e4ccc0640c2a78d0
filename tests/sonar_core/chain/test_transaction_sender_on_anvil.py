"""The same on a real node: what waits, what its pool has forgotten, and what another wallet did meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ape import accounts, networks

from scripts._processes import anvil
from sonar_core.base.database import Database
from sonar_core.chain.bytecode import registry_code, sonar_code
from sonar_core.chain.contracts import Receipt, SonarContracts, UnconfirmedError
from sonar_core.chain.outbox import OUTBOX_TABLE, Outbox
from sonar_core.protocol.structs import CapsuleTerms, CurrencyOffer, CurrencyTerms
from sonar_core.protocol.units import ZERO_ADDRESS

pytestmark = pytest.mark.chain

#: Seconds that a transaction is given for its block here.
PATIENCE = 1
TERMS = CapsuleTerms(
    scoring_fee=1, open_within=60, scoring_window=60, per_gradient=1, delivery_window=60, largest_model=100
)


@dataclass
class Stand:
    """A contract on an anvil of its own, and a service's chain; `restart` is the next process's."""

    provider: Any
    path: Path

    def __post_init__(self) -> None:
        self.eth = self.provider.web3.eth
        self.account = accounts.test_accounts[2]
        self.sonar = self._create(sonar_code(self._create(registry_code())))
        self.restart()

    def _create(self, code: bytes) -> str:
        sent = self.eth.send_transaction({"from": self.eth.accounts[0], "data": code, "gas": 8_000_000})
        return str(self.eth.wait_for_transaction_receipt(sent, poll_latency=0.05)["contractAddress"])

    def restart(self) -> None:
        self.journal = Database(self.path, [OUTBOX_TABLE])
        self.chain = SonarContracts(self.sonar, self.account, self.provider).with_journal(self.journal)

    def node(self, method: str, *arguments: Any) -> None:
        self.provider.web3.provider.make_request(method, list(arguments))

    def step(self, number: int) -> Receipt:
        offer = CurrencyOffer(ZERO_ADDRESS, CurrencyTerms(True, 0, 10**30))
        return self.chain.announce(bytes([number]) * 32, TERMS, [offer])

    def tend(self, *, confirmations: int = 0) -> str | None:
        return self.chain.tend(self.chain.newest_block() - confirmations)

    def fees(self, nonce: int) -> list[int]:
        return [offer.fees.most for offer in Outbox(self.journal, self.chain.sender).offers(nonce) if offer.fees]

    def announced(self) -> list[int]:
        events = self.chain.events(0, self.chain.newest_block() + 1)
        return [event.certificates[0] for event in events]  # type: ignore[attr-defined]


@pytest.fixture
def stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stand]:
    with (tmp_path / "anvil.log").open("wb") as log, anvil(log) as url:
        network = networks.ethereum.get_network("devnet")
        monkeypatch.setattr(type(network), "transaction_acceptance_timeout", PATIENCE)
        with network.use_provider("node", provider_settings={"uri": url}) as provider:
            stand = Stand(provider, tmp_path / "state.sqlite")
            yield stand
            stand.journal.close()


def test_waiting_forgotten_and_taken(stand: Stand) -> None:
    assert (stand.step(1).block, stand.tend()) == (3, None)

    stand.node("evm_setAutomine", False)
    with pytest.raises(UnconfirmedError):
        stand.step(2)
    stand.journal.close()
    stand.restart()
    assert "waits for its block" in str(stand.tend())
    time.sleep(PATIENCE)
    assert "are offered now" in str(stand.tend())
    first, second = stand.fees(1)
    assert second >= first * 5 // 4

    stand.node("anvil_dropAllTransactions")
    assert stand.chain.transaction_counts() == (1, 1)
    assert stand.tend() is None
    with pytest.raises(UnconfirmedError):
        stand.step(2)
    assert stand.chain.transaction_counts() == (1, 2)
    stand.node("evm_mine")
    assert stand.tend() is None
    assert stand.announced() == [1, 2]

    with pytest.raises(UnconfirmedError):
        stand.step(3)
    stand.node("anvil_dropAllTransactions")
    own = str(stand.account.address)
    stand.eth.send_transaction({"from": own, "to": own, "value": 1, "nonce": 2})
    stand.node("evm_mine")
    assert "went to another transaction" in str(stand.tend(confirmations=1))
    assert stand.tend() is None
    stand.node("evm_setAutomine", True)
    done = stand.step(3)
    assert stand.eth.get_transaction("0x" + done.transaction.hex())["nonce"] == 3
    assert stand.announced() == [1, 2, 3]
