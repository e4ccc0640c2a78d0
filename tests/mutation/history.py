"""What a test asks of the chain while it runs against the unchanged contracts, in an order that can be played again.

A state of the chain is known by its root. What is asked of a state is kept with it, and so is each transaction with the
state that it makes; so a test may go back in time, or look at the past, as it likes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, NamedTuple

from eth.chains.base import MiningChain
from eth_tester.backends.pyevm import main as pyevm
from eth_tester.backends.pyevm.main import PyEVMBackend

#: Succeeded, what was returned, and the events: address, topics and data, in hex.
Answer = tuple[bool, str, tuple[tuple[str, tuple[str, ...], str], ...]]


class Kind(StrEnum):
    SEND = "send"
    CALL = "call"
    BALANCE = "balance"
    #: What follows begins at this state; BACK at the newest mark, which is then forgotten.
    MARK = "mark"
    BACK = "back"


class Step(NamedTuple):
    kind: Kind
    caller: str = ""
    #: Empty: a contract is created.
    to: str = ""
    #: The contract whose creation code stands before `data`.
    contract: str = ""
    data: str = ""
    value: int = 0
    gas: int = 0
    nonce: int = 0
    #: Of the block.
    number: int = 0
    time: int = 0


class HistoryError(RuntimeError):
    """A test did something that its history does not hold."""


class Recorder:
    """Asks and answers of one test. `creation`: contract -> the code in hex that is deployed."""

    def __init__(self, creation: dict[str, str]) -> None:
        self._creation = creation
        self._first: bytes | None = None
        self._asked: defaultdict[bytes, dict[Step, Answer | None]] = defaultdict(dict)
        self._sent: defaultdict[bytes, dict[bytes, tuple[Step, Answer]]] = defaultdict(dict)

    def history(self) -> list[tuple[Step, Answer | None]]:
        """Every step with its answer, from the chain's first block on. Raises HistoryError."""
        # A stack: roots of states that are still to be told of, between steps that are.
        waiting: list[bytes | tuple[Step, Answer | None]] = [self._first] if self._first else []
        steps: list[tuple[Step, Answer | None]] = []
        told = set()
        while waiting:
            one = waiting.pop()
            if isinstance(one, tuple):
                steps.append(one)
                continue
            told.add(one)
            steps += self._asked.get(one, {}).items()
            *branches, last = self._sent.get(one, {}).items() or [None]
            if last:
                waiting += last
            for branch in reversed(branches):
                waiting += [(Step(Kind.BACK), None), *branch, (Step(Kind.MARK), None)]
        if missing := (self._asked.keys() | self._sent.keys()) - told:
            raise HistoryError(f"{len(missing)} states are asked that no recorded transaction made")
        return steps

    def begin(self, chain: Any) -> None:
        self._first = _root(chain.get_canonical_block_by_number(0).header)

    def sent(self, before: bytes, after: bytes, header: Any, transaction: Any, computation: Any) -> None:
        step = self._step(Kind.SEND, header, transaction)
        self._sent[before].setdefault(after, (step, _answer(computation)))

    def called(self, root: bytes, header: Any, transaction: Any, computation: Any) -> None:
        self._asked[root][self._step(Kind.CALL, header, transaction)] = _answer(computation)

    def looked(self, root: bytes, account: bytes) -> None:
        self._asked[root][Step(Kind.BALANCE, to=_hex(account))] = None

    def _step(self, kind: Kind, header: Any, transaction: Any) -> Step:
        data, contract = bytes(transaction.data).hex(), ""
        if not transaction.to:
            contract = next((name for name, code in self._creation.items() if data.startswith(code)), "")
            data = data.removeprefix(self._creation.get(contract, ""))
        return Step(
            kind,
            _hex(transaction.sender),
            _hex(transaction.to) if transaction.to else "",
            contract,
            data,
            transaction.value,
            transaction.gas,
            transaction.nonce,
            header.block_number,
            header.timestamp,
        )


@contextmanager
def recorded(creation: dict[str, str]) -> Iterator[Recorder]:
    """What is asked of py-evm inside."""
    recorder = Recorder(creation)
    send, call, look = MiningChain.apply_transaction, pyevm._execute_and_revert_transaction, PyEVMBackend.get_balance

    def sending(chain: Any, transaction: Any) -> Any:
        recorder.begin(chain)
        header = chain.header
        answer = send(chain, transaction)
        recorder.sent(_root(header), _root(chain.header), header, transaction, answer[2])
        return answer

    def calling(chain: Any, transaction: Any, block_number: Any = "latest") -> Any:
        recorder.begin(chain)
        computation = call(chain, transaction, block_number)
        header = pyevm._get_block_by_number(chain, block_number).header
        recorder.called(_root(header), header, transaction, computation)
        return computation

    def looking(backend: Any, account: bytes, block_number: Any = "latest") -> Any:
        recorder.begin(backend.chain)
        recorder.looked(_root(pyevm._get_block_by_number(backend.chain, block_number).header), account)
        return look(backend, account, block_number)

    MiningChain.apply_transaction, pyevm._execute_and_revert_transaction = sending, calling
    PyEVMBackend.get_balance = looking
    try:
        yield recorder
    finally:
        MiningChain.apply_transaction, pyevm._execute_and_revert_transaction = send, call
        PyEVMBackend.get_balance = look


def _root(header: Any) -> bytes:
    return bytes(header.state_root)


def _answer(computation: Any) -> Answer:
    events = tuple(
        (_hex(address), tuple(f"{topic:#066x}" for topic in topics), data.hex())
        for address, topics, data in computation.get_log_entries()
    )
    return not computation.is_error, computation.output.hex(), events


def _hex(address: bytes) -> str:
    return f"0x{address.hex()}"
