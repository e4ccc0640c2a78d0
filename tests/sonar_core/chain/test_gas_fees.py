"""A transaction that waits is replaced by the same one with higher fees, and counted once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ape.exceptions import AccountsError, TransactionNotFoundError
from hypothesis import given
from hypothesis import strategies as st
from web3.exceptions import TransactionNotFound

from sonar_core.chain.contracts import UnconfirmedError
from sonar_core.chain.gas_fees import GasFees
from sonar_core.chain.rpc import broadcast

ACCOUNT = "0x" + "11" * 20
GWEI = 10**9


@given(st.integers(0, 10**12), st.integers(0, 10**12), st.integers(0, 10**12), st.integers(0, 2 * 10**12))
def test_a_replacement_is_one_that_nodes_take(most: int, tip: int, asked: int, highest: int) -> None:
    tip = min(tip, most)
    raised = GasFees(most, tip).raised(asked, highest)
    if raised is None:
        assert max(most * 5 // 4, asked) + 1 > highest
        return
    assert asked <= raised.most <= highest
    assert raised.most * 8 >= most * 9
    assert raised.tip * 8 >= tip * 9
    assert raised.most > most
    assert tip <= raised.tip <= raised.most


class Pool:
    """A chain whose blocks take what pays `price`, one transaction a nonce, and its only account."""

    def __init__(self, price: int, *, first: int = GWEI, late: bool = False) -> None:
        self.price, self.first, self.late = price, first, late
        self.address, self.chain_id, self.gas_price = ACCOUNT, 1, GWEI
        self.sent: list[Any] = []
        self.taken: dict[int, str] = {}
        self.network = SimpleNamespace(ecosystem=SimpleNamespace(create_transaction=self.create))
        self.web3 = SimpleNamespace(eth=SimpleNamespace(get_transaction_receipt=self.receipt_of))

    def create(
        self, *, nonce: int | None, gas: int = 21_000, max_fee: int = 0, max_priority_fee: int = 1, **what: Any
    ) -> Any:
        return SimpleNamespace(
            nonce=7 if nonce is None else nonce,
            gas_limit=gas,
            max_fee=max_fee or self.first,
            max_priority_fee=max_priority_fee,
            type=2,
            txn_hash=bytes([len(self.sent)]) * 32,
            what=(what["receiver"], what["data"], what["value"]),
        )

    def call(self, transaction: Any) -> str:
        if transaction.nonce in self.taken:
            raise AccountsError("Invalid nonce, will not publish.")
        if self.sent:
            assert transaction.max_fee * 8 >= self.sent[-1].max_fee * 9, "replacement transaction underpriced"
        self.sent.append(transaction)
        if transaction.max_fee >= self.price:
            self.taken[transaction.nonce] = transaction.txn_hash.hex()
            return transaction.txn_hash.hex()
        raise TransactionNotFoundError(transaction_hash=transaction.txn_hash.hex())

    def receipt_of(self, transaction: str) -> str:
        if self.late and len(self.sent) == 2:
            # The first one gets into a block while the second one waits.
            self.taken[7] = self.sent[0].txn_hash.hex()
        if transaction.removeprefix("0x") not in self.taken.values():
            raise TransactionNotFound(transaction)
        return transaction

    def get_receipt(self, transaction: str) -> str:
        return self.receipt_of(transaction).removeprefix("0x")


def send(pool: Pool, highest: int = 500 * GWEI) -> Any:
    node: Any = pool
    return broadcast(node, node, to=ACCOUNT, data=b"submit", value=3, highest_fee=highest)


def test_fees_rise_until_a_block_takes_it() -> None:
    pool = Pool(2 * GWEI)
    assert send(pool) == pool.sent[-1].txn_hash.hex()
    assert [sent.max_fee for sent in pool.sent] == [GWEI, 1_250_000_000, 1_562_500_000, 1_953_125_000, 2_441_406_250]
    assert {(sent.nonce, sent.what) for sent in pool.sent} == {(7, (ACCOUNT, b"submit", 3))}
    assert len(pool.taken) == 1


def test_no_replacement_offers_more_than_the_highest() -> None:
    pool = Pool(2 * GWEI)
    with pytest.raises(UnconfirmedError):
        send(pool, highest=1_600_000_000)
    assert max(sent.max_fee for sent in pool.sent) == 1_562_500_000
    assert not pool.taken


def test_the_number_of_replacements_is_bounded() -> None:
    pool = Pool(10**18)
    with pytest.raises(UnconfirmedError):
        send(pool, highest=10**18)
    assert len(pool.sent) == 9


def test_an_earlier_one_that_gets_in_after_all_is_the_one() -> None:
    pool = Pool(10**18, late=True)
    assert send(pool) == pool.sent[0].txn_hash.hex()
    assert len(pool.sent) == 2
    assert len(pool.taken) == 1
