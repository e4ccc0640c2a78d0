"""What a service sends is written down first, and a chain takes one transaction of a nonce: so nothing happens twice.

The node is simulated by the rules of go-ethereum's pool: it can be slow, dear, forget, lose blocks, and hear of
transactions again that it had forgotten.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ape.exceptions import TransactionNotFoundError
from hypothesis import given, settings
from hypothesis import strategies as st
from web3.exceptions import TransactionNotFound, Web3RPCError

from sonar_core.base.database import Database, JournalError
from sonar_core.chain.contract_errors import ContractError, NothingToCollectError
from sonar_core.chain.contracts import ChainError, FundsError, NonceError, TransactionError, UnconfirmedError
from sonar_core.chain.outbox import OUTBOX_TABLE, Call, Outbox
from sonar_core.chain.transaction_sender import TransactionSender

ACCOUNT = "0x" + "11" * 20
SONAR = "0x" + "22" * 20
GWEI = 10**9
#: Seconds that a transaction is given for its block.
PATIENCE = 120
A, B = (Call(SONAR, name, 3) for name in (b"score 0", b"score 1"))
EMPTY = Call(ACCOUNT, b"", 0)


@dataclass(frozen=True)
class Transaction:
    nonce: int
    call: Call
    gas_limit: int
    max_fee: int
    max_priority_fee: int
    type: int = 2

    @property
    def txn_hash(self) -> bytes:
        return hashlib.sha256(repr(self).encode()).digest()

    def serialize_transaction(self) -> Transaction:
        return self


@dataclass
class Node:
    """Blocks and a pool of one account; `elsewhere` is what other nodes still have."""

    price: int = 1
    mined: list[Transaction] = field(default_factory=list)
    pool: dict[int, Transaction] = field(default_factory=dict)
    elsewhere: list[Transaction] = field(default_factory=list)
    looks: int = 0
    settled: int = 0
    refusal: Exception | None = None
    gas: int = 50_000
    gas_price: int = GWEI
    chain_id: int = 1

    def __post_init__(self) -> None:
        self.address = ACCOUNT
        ecosystem = SimpleNamespace(create_transaction=self.create)
        self.network = SimpleNamespace(ecosystem=ecosystem, transaction_acceptance_timeout=PATIENCE)
        self.web3 = SimpleNamespace(eth=self)

    # --- as Ape's account and ecosystem

    def create(self, *, nonce: int, receiver: str, data: bytes, value: int, **how: Any) -> Transaction:
        fees = how.get("max_fee", GWEI), how.get("max_priority_fee", 8)
        return Transaction(nonce, Call(receiver, data, value), how.get("gas") or self.gas, *fees)

    def prepare_transaction(self, transaction: Transaction) -> Transaction:
        return transaction

    def sign_transaction(self, transaction: Transaction) -> Transaction:
        return transaction

    # --- as a provider

    def send_transaction(self, transaction: Transaction) -> Any:
        self.send_raw_transaction(transaction)
        self.looks += 1
        self.mine()
        if transaction not in self.mined:
            raise TransactionNotFoundError(transaction_hash="0x" + transaction.txn_hash.hex())
        return self.get_receipt("0x" + transaction.txn_hash.hex())

    def get_receipt(self, name: str) -> Any:
        return SimpleNamespace(**self.get_transaction_receipt(name))

    # --- as web3.eth

    def get_transaction_count(self, account: str, block: str) -> int:
        count = len(self.mined)
        while block == "pending" and count in self.pool:
            count += 1
        return count

    def get_transaction_receipt(self, name: str) -> Any:
        if name not in {"0x" + one.txn_hash.hex() for one in self.mined}:
            raise TransactionNotFound(name)
        return {"txn_hash": name}

    def get_balance(self, account: str) -> int:
        return 10**18

    def send_raw_transaction(self, transaction: Transaction) -> None:
        if self.refusal:
            raise self.refusal
        former = self.pool.get(transaction.nonce)
        if transaction.nonce < len(self.mined):
            raise Web3RPCError("nonce too low")
        if former == transaction:
            raise Web3RPCError("already known")
        if former and not all(
            new * 8 >= old * 9
            for new, old in (
                (transaction.max_fee, former.max_fee),
                (transaction.max_priority_fee, former.max_priority_fee),
            )
        ):
            raise Web3RPCError("replacement transaction underpriced")
        self.pool[transaction.nonce] = transaction
        self.elsewhere.append(transaction)

    # --- what befalls it

    def mine(self) -> None:
        while (one := self.pool.get(len(self.mined))) and one.max_fee >= self.price:
            self.mined.append(self.pool.pop(one.nonce))

    def settle(self) -> None:
        """Blocks of what waits, with all their confirmations."""
        self.mine()
        self.settled = len(self.mined)

    def forget(self) -> None:
        self.pool.clear()

    def hear(self, transaction: Transaction) -> None:
        """Another node's; what pays less than what is here already changes nothing."""
        former = self.pool.get(transaction.nonce)
        if transaction.nonce >= len(self.mined) and (former is None or former.max_fee < transaction.max_fee):
            self.pool[transaction.nonce] = transaction

    def stranger(self, nonce: int | None = None) -> None:
        """A transaction of the account's that another wallet sent, in a block."""
        self.pool.pop(len(self.mined), None)
        self.mined.append(Transaction(len(self.mined), Call(SONAR, b"stranger", 0), 21_000, GWEI, 1))


@dataclass
class Service:
    """A process that sends; `restart` is the next one."""

    path: Path
    node: Node = field(default_factory=Node)
    now: float = 0.0
    refused: set[Call] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.journal = Database(self.path, [OUTBOX_TABLE])
        self.outbox = Outbox(self.journal, ACCOUNT)
        node: Any = self.node
        self.sender = TransactionSender(
            node, node, self.outbox, highest_fee=500 * GWEI, simulate=self.simulate, clock=lambda: self.now
        )

    def simulate(self, call: Call) -> None:
        if call in self.refused:
            raise NothingToCollectError(campaign=bytes(32), what=0)

    def calls(self) -> list[tuple[int, Call]]:
        return [(one.nonce, one.call) for one in self.node.mined]

    def tend(self, confirmed: int = 0) -> str | None:
        return self.sender.tend(confirmed)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path / "state.sqlite")
    yield service
    service.journal.close()


def test_it_is_written_down_before_it_is_out(service: Service) -> None:
    service.node.refusal = ConnectionError("http://node/secret-key")
    with pytest.raises(ChainError) as caught:
        service.sender.send(A)
    assert "secret" not in str(caught.value)
    service.journal.close()
    service.restart()
    (offer,) = service.outbox.offers(0)
    assert (offer.nonce, offer.call, offer.gas, offer.fees and offer.fees.most) == (0, A, 50_000, GWEI)


def test_what_cannot_be_written_down_is_not_sent(service: Service) -> None:
    service.journal.row("PRAGMA query_only = 1")
    with pytest.raises(JournalError):
        service.sender.send(A)
    assert not service.node.pool
    assert not service.node.mined


def test_a_step_that_waits_holds_up_one_look_and_is_paid_more_at_the_next_ones(service: Service) -> None:
    service.node.price = 2 * GWEI
    with pytest.raises(UnconfirmedError):
        service.sender.send(A)
    with pytest.raises(TransactionError, match="nothing is sent meanwhile"):
        service.sender.send(B)
    assert "waits for its block" in str(service.tend())
    assert service.node.pool[0].max_fee == GWEI, "it was not given its time"
    for most in (1_250_000_000, 1_562_500_000, 1_953_125_000, 2_441_406_250):
        service.now += PATIENCE
        assert f"up to {most} wei" in str(service.tend())
    assert service.node.looks == 1
    service.node.mine()
    assert service.tend() is None
    assert service.calls() == [(0, A)]


def command(node: Node, highest: int = 500 * GWEI) -> TransactionSender:
    """The sender of a command, which replaces what waits while it waits for it."""
    any_node: Any = node
    return TransactionSender.without_journal(any_node, any_node, highest_fee=highest)


def test_a_command_raises_its_fees_until_a_block_takes_it() -> None:
    node = Node(price=2 * GWEI)
    command(node).send(A)
    assert [one.max_fee for one in node.elsewhere] == [GWEI, *(GWEI * 5**n // 4**n for n in (1, 2, 3, 4))]
    assert {(one.nonce, one.call) for one in node.elsewhere} == {(0, A)}
    assert [one.call for one in node.mined] == [A]


def test_no_replacement_of_a_command_offers_more_than_the_highest() -> None:
    node = Node(price=2 * GWEI)
    with pytest.raises(UnconfirmedError):
        command(node, highest=1_600_000_000).send(A)
    assert max(one.max_fee for one in node.elsewhere) == 1_562_500_000
    assert not node.mined


def test_the_number_of_a_commands_replacements_is_bounded() -> None:
    node = Node(price=10**18)
    with pytest.raises(UnconfirmedError):
        command(node, highest=10**18).send(A)
    assert len(node.elsewhere) == 9
    assert not node.mined


def test_a_command_whose_earlier_transaction_gets_in_after_all_has_that_one() -> None:
    node = Node(price=10**18)

    def let_the_first_in() -> None:
        if len(node.elsewhere) == 2 and not node.mined:
            node.mined.append(node.elsewhere[0])

    node.mine = let_the_first_in  # type: ignore[method-assign]
    receipt = command(node).send(A)
    assert receipt.txn_hash == "0x" + node.elsewhere[0].txn_hash.hex()
    assert len(node.elsewhere) == 2


def test_a_command_does_not_replace_another_wallets_transaction() -> None:
    node = Node(price=10**18)
    node.send_raw_transaction(Transaction(0, B, 21_000, GWEI, 8))
    with pytest.raises(NonceError, match="another transaction of"):
        command(node).send(A)
    assert [one.call for one in node.elsewhere] == [B]


def test_a_restart_knows_what_was_offered_and_goes_on_from_there(service: Service) -> None:
    service.node.price = 2 * GWEI
    with pytest.raises(UnconfirmedError):
        service.sender.send(A)
    for _ in range(3):
        service.journal.close()
        service.restart()
        assert service.tend() is not None
        service.now += PATIENCE
        assert service.tend() is not None
    assert [offer.fees and offer.fees.most for offer in service.outbox.offers(0)] == [
        GWEI,
        1_250_000_000,
        1_562_500_000,
        1_953_125_000,
    ]
    service.journal.close()
    service.restart()
    service.node.price = 1
    service.node.mine()
    assert service.tend() is None
    assert service.calls() == [(0, A)]
    assert service.tend(1) is None
    assert not service.outbox.nonces(), "what has its confirmations is forgotten"


def test_what_a_node_forgot_is_the_same_transaction_again(service: Service) -> None:
    service.node.price = 2 * GWEI
    with pytest.raises(UnconfirmedError):
        service.sender.send(A)
    first = service.node.pool[0]
    service.node.forget()
    service.node.gas = 60_000  # what Ape would find for a new one
    assert service.tend() is None
    with pytest.raises(UnconfirmedError):
        service.sender.send(A)
    assert service.node.pool == {0: first}


def test_a_forgotten_nonce_goes_to_what_is_due_and_outbids_what_others_still_have(service: Service) -> None:
    service.node.price = 2 * GWEI
    with pytest.raises(UnconfirmedError):
        service.sender.send(A)
    first = service.node.pool[0]
    service.node.forget()
    assert service.tend() is None
    with pytest.raises(UnconfirmedError):
        service.sender.send(B)
    service.node.hear(first)
    service.node.price = 1
    service.node.mine()
    assert service.calls() == [(0, B)]


def test_a_nonce_that_another_wallet_took_is_told_and_the_step_gets_a_fresh_one(service: Service) -> None:
    service.node.price = 2 * GWEI
    with pytest.raises(UnconfirmedError):
        service.sender.send(A)
    service.node.stranger()
    service.journal.close()
    service.restart()
    assert "nonce 0" in str(service.tend(0))
    assert "went to another transaction" in str(service.tend(0))
    assert service.tend(1) is None
    service.node.price = 1
    service.sender.send(A)
    assert [nonce for nonce, call in service.calls() if call == A] == [1]


def test_what_another_wallet_has_waiting_is_neither_replaced_nor_passed(service: Service) -> None:
    service.node.pool[0] = Transaction(0, Call(SONAR, b"stranger", 0), 21_000, 1, 1)
    assert "another transaction" in str(service.tend())
    service.sender.waits = None
    with pytest.raises(NonceError, match="its own account"):
        service.sender.send(A)
    assert service.node.pool[0].call.data == b"stranger"


def test_a_gap_below_what_was_sent_is_closed_by_an_empty_transaction(service: Service) -> None:
    service.node.stranger()
    service.node.price = 2 * GWEI
    with pytest.raises(UnconfirmedError):
        service.sender.send(A)
    service.node.mined.clear()  # a reorganisation, after which nobody knows the stranger's transaction
    assert "missing below others" in str(service.tend())
    assert set(service.node.pool) == {1}, "it was not given a second look"
    service.tend()
    service.node.price = 1
    service.node.mine()
    assert service.calls() == [(0, EMPTY), (1, A)]
    assert service.tend() is None


def test_a_gap_that_closes_by_itself_and_opens_again_has_two_looks_again(service: Service) -> None:
    service.node.stranger()
    service.node.price = 2 * GWEI
    with pytest.raises(UnconfirmedError):
        service.sender.send(A)
    (stranger,) = service.node.mined
    service.node.mined.clear()
    service.tend()
    service.node.hear(stranger)
    assert "another transaction" in str(service.tend())
    del service.node.pool[0]
    service.tend()
    assert set(service.node.pool) == {1}
    service.tend()
    assert set(service.node.pool) == {0, 1}


def test_a_gap_of_ones_own_is_closed_by_what_was_there(service: Service) -> None:
    service.sender.send(A)
    service.node.price = 2 * GWEI
    with pytest.raises(UnconfirmedError):
        service.sender.send(B)
    service.node.mined.clear()
    service.tend()
    service.tend()
    service.node.price = 1
    service.node.mine()
    assert service.calls() == [(0, A), (1, B)]


def test_what_the_contract_would_refuse_by_now_is_replaced_by_an_empty_transaction(service: Service) -> None:
    service.node.price = 2 * GWEI
    with pytest.raises(UnconfirmedError):
        service.sender.send(A)
    service.refused.add(A)
    service.now += PATIENCE
    service.tend()
    service.node.price = 1
    service.node.mine()
    assert service.calls() == [(0, EMPTY)]


def test_no_more_than_the_highest_fee_is_offered(service: Service) -> None:
    service.node.price = 10**18
    with pytest.raises(UnconfirmedError):
        service.sender.send(A)
    for _ in range(100):
        service.now += PATIENCE
        words = service.tend()
    assert "see highest_fee" in str(words)
    assert 400 * GWEI < service.node.pool[0].max_fee <= 500 * GWEI


def test_an_offer_that_the_node_refused_does_not_drive_the_fees_up(service: Service) -> None:
    service.node.refusal = Web3RPCError("insufficient funds for gas * price + value")
    for _ in range(3):
        with pytest.raises(FundsError):
            service.sender.send(A)
    service.node.refusal = None
    service.sender.send(B)
    assert service.node.mined[0].max_fee == GWEI


def test_a_node_that_hides_its_pool_is_believed_when_it_refuses_a_second_one(service: Service) -> None:
    count = service.node.get_transaction_count
    service.node.get_transaction_count = lambda account, block: count(account, "latest")  # type: ignore[method-assign]
    service.node.price = 2 * GWEI
    with pytest.raises(UnconfirmedError):
        service.sender.send(A)
    assert service.tend() is None
    with pytest.raises(UnconfirmedError):
        service.sender.send(A)  # already known
    service.node.pool[0] = replace(service.node.pool[0], max_fee=GWEI + 1)
    assert service.tend() is None
    with pytest.raises(UnconfirmedError):
        service.sender.send(A)  # underpriced
    service.now += PATIENCE
    assert service.tend() is None
    with pytest.raises(UnconfirmedError):
        service.sender.send(A)
    assert service.node.pool[0].max_fee == 1_250_000_000, "what waits for too long is paid more all the same"


def test_the_contracts_own_reason_comes_before_the_nodes_words(service: Service) -> None:
    service.node.refusal = Web3RPCError("execution reverted")
    service.refused.add(A)
    with pytest.raises(ContractError):
        service.sender.send(A)


@pytest.mark.parametrize("due", [A, B], ids=["the same step", "another step"])
def test_an_earlier_offer_that_gets_in_meanwhile_answers_for_its_own_step_only(service: Service, due: Call) -> None:
    service.node.price = 2 * GWEI
    with pytest.raises(UnconfirmedError):
        service.sender.send(A)
    first = service.node.pool[0]
    service.node.forget()
    assert service.tend() is None
    refuse = service.node.send_raw_transaction

    def late(transaction: Transaction) -> None:
        service.node.hear(first)
        service.node.price = 1
        service.node.mine()
        refuse(transaction)

    service.node.send_raw_transaction = late  # type: ignore[method-assign]
    service.now += PATIENCE
    if due == A:
        assert service.sender.send(due).txn_hash == "0x" + first.txn_hash.hex()
    else:
        with pytest.raises(UnconfirmedError):
            service.sender.send(due)
    assert service.calls() == [(0, A)]
    assert service.tend() is None


# ---------------------------------------------------------------------- whatever happens

BEFALLS = ("look", "settle", "forget", "restart", "stranger", "reorganise", "lose", "hear", "dear", "cheap")
STEPS = tuple(Call(SONAR, b"step %d" % number, 0) for number in range(3))


def befall(service: Service, what: str, place: int) -> None:
    node = service.node
    match what:
        case "look":
            look(service)
        case "settle":
            node.settle()
        case "forget":
            node.forget()
        case "restart":
            service.journal.close()
            service.restart()
        case "stranger":
            node.stranger()
        case "reorganise" | "lose":
            taken, node.mined = node.mined[node.settled :], node.mined[: node.settled]
            for one in taken if what == "reorganise" else ():
                node.hear(one)
        case "hear":
            if node.elsewhere:
                node.hear(node.elsewhere[place % len(node.elsewhere)])
        case "dear" | "cheap":
            node.price = 2 * GWEI if what == "dear" else 1


def look(service: Service) -> None:
    """A service's look: the first step that did not happen is sent, under no other nonce than the chain's next."""
    service.now += PATIENCE / 2
    waits = service.tend(service.node.settled)
    done = [one.call for one in service.node.mined]
    due = [step for step in STEPS if step not in done]
    if waits is None and due:
        try:
            service.sender.send(due[0])
        except TransactionError:
            return


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(BEFALLS), st.integers(0, 99)), max_size=40))
def test_whatever_happens_each_step_is_taken_once(
    tmp_path_factory: pytest.TempPathFactory, story: list[tuple[str, int]]
) -> None:
    service = Service(tmp_path_factory.mktemp("story") / "state.sqlite")
    for what, place in story:
        befall(service, what, place)
        calls = [one.call for one in service.node.mined if one.call in STEPS]
        assert len(calls) == len(set(calls)), "a step was taken twice"
    service.node.price = 1
    for _ in range(30):
        look(service)
        service.node.settle()
    taken = [one.call for one in service.node.mined if one.call in STEPS]
    assert sorted(taken, key=STEPS.index) == list(STEPS), "it does not come to an end"
    service.journal.close()
