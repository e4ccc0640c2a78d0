"""The chain client where the node, not the contract, is at fault: each failure is one typed line without secrets."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from ape.exceptions import AccountsError, TransactionNotFoundError
from hexbytes import HexBytes
from web3 import HTTPProvider, Web3
from web3.exceptions import BlockNotFound, TransactionNotFound, Web3RPCError

from sonar_core.base.errors import FormatError
from sonar_core.chain.contracts import (
    ChainError,
    FundsError,
    NoAccountError,
    NonceError,
    SonarContracts,
    TransactionError,
    UnconfirmedError,
)
from sonar_core.chain.errors import transaction_failure
from sonar_core.protocol.events import CampaignCancelled
from sonar_core.protocol.structs import CampaignStart

SONAR, REGISTRY = "0x5FbDB2315678afecb367f032d93F642f64180aa3", "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"
ACCOUNT = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
CANCELLED = Web3.keccak(text="CampaignCancelled(bytes32)")
REJECTED = Web3.keccak(
    text="GradientRejected(bytes32,uint32,address,uint64,uint40,uint8,bytes32,bytes32)",
)
START = CampaignStart(bytes(32), bytes(32), bytes(32), bytes(32), 0)
TOKEN = "0x9fE46736679d2D9a65F0992F2272dE9f3c7fa6e0"


def word(value: int) -> bytes:
    return value.to_bytes(32, "big")


class Node:
    """A simulated node: two cancelled Campaigns a block, and whatever a test sets otherwise."""

    def __init__(self, height: int = 10) -> None:
        self.block_number = height
        self.gas_price = 1
        self.most_blocks = 10**9
        self.queries: list[tuple[int, int]] = []
        self.blocks: list[int] = []
        self.stated: Callable[[int], dict[str, Any]] = lambda block: {}
        self.answer: Callable[[dict[str, Any]], bytes] = lambda call: bytes(12) + bytes.fromhex(REGISTRY[2:])
        self.balance = 10**18
        self.log_hash = self._hash

    def call(self, call: dict[str, Any], ccip_read_enabled: bool | None = None) -> HexBytes:
        assert ccip_read_enabled is False
        return HexBytes(self.answer(call))

    def get_block(self, number: int) -> dict[str, Any]:
        self.blocks.append(number)
        return {"hash": self._hash(number), "timestamp": 1000 + number}

    def get_balance(self, account: str) -> int:
        return self.balance

    def get_transaction_receipt(self, transaction: str) -> Any:
        raise TransactionNotFound(transaction)

    def get_transaction_count(self, account: str, block: Any) -> int:
        return 0

    def get_code(self, address: str) -> bytes:
        return b"\1"

    def get_logs(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        start, stop = query["fromBlock"], query["toBlock"] + 1
        self.queries.append((start, stop))
        if stop - start > self.most_blocks:
            raise Web3RPCError("{'code': -32005, 'message': 'query exceeds max block range'}")
        logs = [self.log(block, index) for block in range(start, min(stop, self.block_number + 1)) for index in (0, 1)]
        return logs[::-1]

    def log(self, block: int, index: int) -> dict[str, Any]:
        topics = [CANCELLED, HexBytes(word(2 * block + index))]
        return {
            "address": SONAR,
            "topics": topics,
            "data": HexBytes(b""),
            "blockNumber": block,
            "blockHash": self.log_hash(block),
            "logIndex": index,
            "transactionHash": HexBytes(word(index)),
            **self.stated(block),
        }

    @staticmethod
    def _hash(number: int) -> HexBytes:
        return HexBytes(word(number + 10**6))


def provider_of(eth: Any) -> Any:
    ecosystem = SimpleNamespace(
        create_transaction=lambda **fields: SimpleNamespace(txn_hash=b"t" * 32, type=0, gas_limit=1, **fields)
    )
    return SimpleNamespace(
        chain_id=7, web3=SimpleNamespace(eth=eth), network=SimpleNamespace(ecosystem=ecosystem), gas_price=1
    )


def client(node: Node, account: Any = None) -> SonarContracts:
    provider = provider_of(node)
    if account:
        provider.send_transaction = account.refuse
    return SonarContracts(SONAR, account, provider)


class Signer:
    """An account whose transactions all fail in one way."""

    address = ACCOUNT

    def __init__(self, error: Exception) -> None:
        self.error = error

    def prepare_transaction(self, transaction: Any) -> Any:
        if isinstance(self.error, AccountsError):
            raise self.error
        return transaction

    def sign_transaction(self, transaction: Any) -> Any:
        return transaction

    def refuse(self, transaction: Any) -> Any:
        raise self.error


# ---------------------------------------------------------------------- no connection


def test_a_node_that_is_not_there_is_one_line_without_its_url() -> None:
    web3 = Web3(HTTPProvider("http://127.0.0.1:1/secret-key", exception_retry_configuration=None))
    with pytest.raises(ChainError, match="the node does not answer") as caught:
        SonarContracts(SONAR, None, SimpleNamespace(chain_id=7, web3=web3))
    assert "secret" not in str(caught.value)
    assert isinstance(caught.value, ConnectionError)


def test_every_way_to_look_tells_a_node_that_went_away() -> None:
    node = Node()
    chain = client(node, Signer(OSError()))

    def gone(*_: Any, **__: Any) -> Any:
        raise TimeoutError("http://node/secret-key")

    for name in ("call", "get_block", "get_balance", "get_code", "get_logs"):
        setattr(node, name, gone)
    looks: list[Callable[[], Any]] = [
        lambda: chain.status_of(bytes(32)),
        lambda: chain.block_hash(1),
        chain.timestamp,
        lambda: chain.coin_balance(ACCOUNT),
        lambda: chain.code(SONAR),
        lambda: chain.events(0, 5),
        lambda: chain.cancel(bytes(32)),
    ]
    for look in looks:
        with pytest.raises(ChainError) as caught:
            look()
        assert "secret" not in str(caught.value)


def test_an_address_without_a_contract_says_check_the_network() -> None:
    node = Node()
    node.answer = lambda call: b""
    node.get_code = lambda address: b""  # type: ignore[method-assign]
    with pytest.raises(ChainError, match=r"no contract Sonar at .* check the network"):
        client(node)


# ---------------------------------------------------------------------- logs


def test_logs_are_asked_for_by_bounded_ranges_and_come_in_order() -> None:
    node = Node(height=4_500)
    events = client(node).events(3, 4_501)
    assert node.queries == [(3, 2_003), (2_003, 4_003), (4_003, 4_501)]
    assert [(event.position.block, event.position.log_index) for event in events] == [
        (block, index) for block in range(3, 4_501) for index in (0, 1)
    ]
    assert isinstance(events[0], CampaignCancelled)
    assert events[0].campaign == word(6)
    assert events[0].position.timestamp == 1003


@pytest.mark.parametrize("most", [1, 3, 7])
def test_a_node_that_complains_is_asked_for_less(most: int) -> None:
    node = Node(height=40)
    node.most_blocks = most
    events = client(node).events(0, 41)
    assert len(events) == 82
    assert events == sorted(events, key=lambda event: (event.position.block, event.position.log_index))


def test_a_node_that_refuses_one_block_is_given_up_soon() -> None:
    node = Node()
    node.most_blocks = 0
    with pytest.raises(ChainError, match="max block range"):
        client(node).events(0, 2_000)
    assert len(node.queries) <= 13


def test_a_log_that_is_given_twice_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service ended for good at a log that was in its state file already."""
    node = Node()
    once = client(node).events(0, 5)
    real = node.get_logs
    monkeypatch.setattr(node, "get_logs", lambda query: real(query) * 2)
    assert client(node).events(0, 5) == once


def test_no_blocks_need_no_question() -> None:
    node = Node()
    assert client(node).events(5, 5) == client(node).events(6, 5) == []
    assert node.queries == []


def test_a_log_of_a_block_that_is_gone_is_read_again_later() -> None:
    node = Node()
    node.log_hash = lambda number: HexBytes(b"x" * 32)
    with pytest.raises(ChainError, match="block 0 was reorganised while it was read"):
        client(node).events(0, 3)


def test_of_blocks_whose_time_comes_with_their_logs_the_newest_of_an_answer_alone_is_asked_for() -> None:
    """A Mine that begins late asked for as many blocks as there were Gradients."""
    expected = client(Node(height=40)).events(0, 41)
    for stated in (lambda block: hex(1000 + block), lambda block: 1000 + block):
        node = Node(height=40)
        node.stated = lambda block, stated=stated: {"blockTimestamp": stated(block)}  # type: ignore[misc]
        assert client(node).events(0, 41) == expected
        assert node.blocks == [40]
        node.blocks, node.most_blocks = [], 21
        assert client(node).events(0, 41) == expected
        assert node.blocks == [19, 40]


def test_an_answer_from_a_chain_that_is_gone_is_told_by_its_newest_block() -> None:
    node = Node()
    node.stated = lambda block: {"blockTimestamp": hex(1000 + block)}
    node.log_hash = lambda number: Node._hash(number) if number < 2 else HexBytes(b"x" * 32)
    with pytest.raises(ChainError, match="block 4 was reorganised while it was read"):
        client(node).events(0, 5)


def test_a_time_that_is_none_is_no_answer() -> None:
    node = Node()
    node.stated = lambda block: {"blockTimestamp": "soon"}
    with pytest.raises(ChainError, match="does not answer"):
        client(node).events(0, 5)


def test_logs_of_strangers_and_of_no_known_kind_are_passed_over() -> None:
    node = Node(height=0)
    logs = [{**node.log(0, 0), "address": TOKEN}, {**node.log(0, 1), "topics": [HexBytes(b"?" * 32)]}]
    node.get_logs = lambda query: logs  # type: ignore[method-assign]
    assert client(node).events(0, 1) == []


def test_a_log_that_breaks_the_abi_is_refused() -> None:
    node = Node(height=0)
    short = {**node.log(0, 0), "topics": [CANCELLED]}
    unknown = {
        **node.log(0, 0),
        "topics": [REJECTED, *(HexBytes(bytes(32)) for _ in range(3))],
        "data": HexBytes(word(0) + word(0) + word(9) + bytes(64)),
    }
    for log, why in ((short, "1 topics where 2 belong"), (unknown, "9 is not a valid Rejection")):
        node.get_logs = lambda query, log=log: [log]  # type: ignore[method-assign,misc]
        with pytest.raises(FormatError, match=why):
            client(node).events(0, 1)


# ---------------------------------------------------------------------- answers


def test_answers_that_no_contract_of_ours_gives_are_refused() -> None:
    node = Node()
    chain = client(node)
    node.answer = lambda call: word(99)
    with pytest.raises(FormatError, match="no status 99"):
        chain.status_of(bytes(32))
    for answer in (b"\1", word(2**255)):
        node.answer = lambda call, answer=answer: answer  # type: ignore[misc]
        with pytest.raises(FormatError, match="result of decimals"):
            chain.token_decimals(TOKEN)


@pytest.mark.parametrize("symbol", ["x" * 33, "a\nb", "\x1b[31m"])
def test_a_symbol_that_would_deceive_a_reader_is_refused(symbol: str) -> None:
    node = Node()
    chain = client(node)
    shown = symbol.encode()
    padded = shown + bytes(-len(shown) % 32)
    node.answer = lambda call: word(32) + word(len(shown)) + padded
    with pytest.raises(FormatError, match="use another token"):
        chain.token_symbol(TOKEN)


def test_a_node_without_a_pending_block_still_tells_the_time() -> None:
    class Strict(Node):
        def get_block(self, number: Any) -> dict[str, Any]:
            if number == "pending":
                raise BlockNotFound("pending")
            return {"hash": bytes(32), "timestamp": 77}

    assert client(Strict()).timestamp() == 77


# ---------------------------------------------------------------------- transactions


def test_a_transaction_needs_an_account() -> None:
    with pytest.raises(NoAccountError, match="--account"):
        client(Node()).cancel(bytes(32))


def test_an_account_without_funds_is_told_before_anything_is_sent() -> None:
    node = Node()
    node.balance = 5
    with pytest.raises(FundsError, match="holds 5 wei where 6 and gas are needed: fund it") as caught:
        client(node, Signer(AssertionError())).open(bytes(32), START, value=6)
    assert (caught.value.account, caught.value.needed, caught.value.held) == (ACCOUNT, 6, 5)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (AccountsError("Transfer value meets or exceeds account balance for account '0x'."), FundsError),
        (AccountsError("Invalid nonce, will not publish."), NonceError),
        (ValueError("{'code': -32003, 'message': 'Insufficient funds for gas * price + value'}"), FundsError),
        (Web3RPCError("{'code': -32000, 'message': 'nonce too low'}"), NonceError),
        (Web3RPCError("{'code': -32000, 'message': 'already known'}"), UnconfirmedError),
        (Web3RPCError("{'code': -32000, 'message': 'replacement transaction underpriced'}"), NonceError),
        (Web3RPCError("{'code': -32000, 'message': 'exceeds block gas limit'}"), TransactionError),
        (TransactionNotFoundError(transaction_hash="0x1"), UnconfirmedError),
        (ConnectionError("http://node/secret-key"), ChainError),
    ],
    ids=str,
)
def test_a_transaction_that_nobody_took_is_told_by_its_kind(error: Exception, kind: type[Exception]) -> None:
    node = Node()
    chain = client(node, Signer(error))
    node.answer = lambda call: b""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - the exact type is what is asked for
        chain.cancel(bytes(32))
    assert type(caught.value) is kind
    assert "secret" not in str(caught.value)


def test_a_nonce_problem_is_a_transaction_error() -> None:
    assert isinstance(transaction_failure(ValueError("nonce too high"), ACCOUNT, 0, 1), TransactionError)
