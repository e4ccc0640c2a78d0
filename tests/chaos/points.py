"""Fault points, enumerated by the running code: each lasting effect, each output and each input of a party.

Nobody lists them. Files are seen by the interpreter's own audit events (PEP 578), whoever opens, renames or removes
them; databases at the beginning, the commit and the end of each transaction; the chain where every request and every
transaction passes on its way to the node; blobs at the door of the store. A party without a name for a step has its
points all the same, and so has a step that is written tomorrow.

Nothing that happens outside a party's turn is a point.
"""

from __future__ import annotations

import errno
import os
import re
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from eth_tester import EthereumTester
from web3.manager import RequestManager

from sonar_core.base.database import Database
from sonar_core.chain.contracts import SonarContracts
from sonar_core.store.base import BlobCorruptError, StoreUnavailableError
from sonar_core.store.embedded import EmbeddedStore
from tests.chaos.node import Memory
from tests.world.killing import KilledError


class Kind(Enum):
    """The kind of operation at a point; it determines the possible faults."""

    FILE = "file"  # is about to be made, changed, renamed or removed
    JOURNAL = "journal"  # a transaction of a database is about to begin, or to be committed
    KEPT = "kept"  # it is committed
    SEND = "send"  # a transaction is about to reach the node
    SENT = "sent"  # the node took it, and its sender does not know yet
    ASK = "ask"  # a request is about to reach the node
    ANSWER = "answer"  # the node answered
    FETCH = "fetch"  # a blob is about to be read
    PUBLISH = "publish"  # a blob is about to be written


#: Before these something lasts that did not last before: a kill elsewhere is one of these kills.
LASTING = (Kind.FILE, Kind.JOURNAL, Kind.KEPT, Kind.SEND, Kind.SENT)
#: What a full disk refuses.
WRITING = (Kind.FILE, Kind.JOURNAL)
#: Where a connection to the node breaks.
TALKING = (Kind.ASK, Kind.ANSWER, Kind.SEND, Kind.SENT)
#: Where a store fails.
STORING = (Kind.FETCH, Kind.PUBLISH)


@dataclass(frozen=True, slots=True)
class Point:
    """One point.

    Attributes:
        party: whose.
        sent: transactions of the party's before it.
        place: among its points since it started, or began a turn, or sent something: whatever was last.
        kind, name: what happens.
    """

    party: str
    sent: int
    place: int
    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"{self.party}, transaction {self.sent}, place {self.place}: {self.kind.value} {self.name}"


class Fate:
    """Decides what happens to a party at its points; this one injects no fault."""

    def meet(self, point: Point) -> None:
        """Raises the fault for this point, or returns."""

    def answer(self, point: Point, params: Any, result: Any) -> Any:
        """The node's answer as the party sees it."""
        return result

    def send(self, point: Point, raw: str, deliver: Callable[[], str]) -> str:
        """Brings a signed transaction to the node; its hash."""
        return deliver()


@dataclass
class EachOnce(Fate):
    """The same fault at every point of some kinds, one after the other, each once.

    Attributes:
        kinds: of the points.
        fault: makes what is raised; None for nothing.
        met: the points so far.
    """

    kinds: tuple[Kind, ...]
    fault: Callable[[Point], BaseException | None]
    met: dict[Point, None] = field(default_factory=dict)

    def meet(self, point: Point) -> None:
        if point.kind not in self.kinds or point in self.met:
            return
        fault = self.fault(point)
        if fault is not None:
            self.met[point] = None
            raise fault


def killed(point: Point) -> BaseException:
    return KilledError(str(point))


#: File operations that need no disk space.
_FREEING = ("os.remove", "os.rmdir", "shutil.rmtree")


def disk_full(point: Point) -> BaseException | None:
    if point.name.startswith(_FREEING):
        return None
    if point.kind is Kind.JOURNAL:
        return sqlite3.OperationalError("database or disk is full")
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), point.name)


def cut_off(point: Point) -> BaseException:
    return ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))


def store_down(point: Point) -> BaseException:
    return StoreUnavailableError("embedded:chaos", "it was made to fail")


def store_lies(address: bytes) -> BaseException:
    return BlobCorruptError(address, "does not match its address: it was made not to")


class Points:
    """The points of parties whose files lie in one folder.

    Args:
        folder: of all parties and blobs.

    Attributes:
        fate: what becomes of a party; to be set at any time.
        seen: how many points there were, by party and kind.
        faults: how many of them were fatal, or no more than in the way.
        turns: how many began.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = f"{folder.resolve()}/"
        self.fate = Fate()
        self.seen: Counter[tuple[str, Kind]] = Counter()
        self.faults = self.turns = 0
        self._party: str | None = None
        self._dead = False
        self._sent: Counter[str] = Counter()
        self._places: Counter[str] = Counter()

    @property
    def party(self) -> str | None:
        """Name of the party whose turn it is."""
        return self._party

    @contextmanager
    def turn(self, party: str) -> Iterator[None]:
        """Attributes all operations inside to one party. A killed party's later writes are refused."""
        self._party, self._dead = party, False
        self._places[party] = 0
        self.turns += 1
        try:
            yield
        finally:
            self._party, self._dead = None, False

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Attributes the operations inside to no party."""
        party, self._party = self._party, None
        try:
            yield
        finally:
            self._party = party

    def at(self, kind: Kind, name: str) -> Point | None:
        """Registers a point, or returns None outside of a turn. Raises the fault that the fate decides."""
        if self._party is None:
            return None
        if self._dead:
            if kind in LASTING:
                raise KilledError("dead already")
            return None
        party = self._party
        point = Point(party, self._sent[party], self._places[party], kind, name)
        self._places[party] += 1
        self.seen[party, kind] += 1
        try:
            self.fate.meet(point)
        except BaseException as fault:
            self._dead = isinstance(fault, KilledError)
            self.faults += 1
            raise
        return point

    def has_sent(self) -> None:
        """The party's transaction is at the node."""
        if self._party is not None:
            self._sent[self._party] += 1
            self._places[self._party] = 0

    def die(self) -> None:
        """Kills the party at the current point."""
        self._dead = True
        self.faults += 1
        raise KilledError(str(self._party))

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Takes an audit event of the interpreter's."""
        if self._party is None or event not in _TOUCHING:
            return
        path, inside = arguments[0], False
        if event == "open" and not (arguments[2] or 0) & _TO_WRITE:
            return
        if isinstance(path, str | bytes | os.PathLike):
            path = os.fsdecode(path)
            inside = path.startswith(self._folder)
        if inside and not _OF_SQLITE.search(path):
            self.at(Kind.FILE, f"{event} {_short(path.removeprefix(self._folder))}")


_TOUCHING = frozenset(
    {"open", "os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "shutil.rmtree"}
)
_TO_WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
#: What SQLite does with its files is a matter of its transactions.
_OF_SQLITE = re.compile(r"\.sqlite(-\w+)?$")
_RANDOM = re.compile(r"(0x)?[0-9a-f]{16,}|Qm\w{44}|\.incoming-\w+")


def _short(path: str) -> str:
    """A path without the parts that differ from run to run."""
    return _RANDOM.sub("*", path)


#: An audit hook cannot be removed: there is one, and it forwards to the current listeners.
_LISTENING: list[Points] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _LISTENING:
        _LISTENING[-1].audit(event, arguments)


sys.addaudithook(_hook)


@contextmanager
def wired(points: Points) -> Iterator[None]:
    """Installs the points in the program for the duration of the block."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "transaction", _transaction(points, Database.transaction))
        patch.setattr(SonarContracts, "_transact", _named(SonarContracts._transact))
        patch.setattr(EthereumTester, "send_raw_transaction", _sending(points, EthereumTester.send_raw_transaction))
        patch.setattr(RequestManager, "request_blocking", _asking(points, Memory(RequestManager.request_blocking).ask))
        patch.setattr(EmbeddedStore, "get", _storing(points, Kind.FETCH, EmbeddedStore.get))
        patch.setattr(EmbeddedStore, "put", _storing(points, Kind.PUBLISH, EmbeddedStore.put))
        _LISTENING.append(points)
        try:
            yield
        finally:
            _LISTENING.remove(points)


def _transaction(points: Points, real: Any) -> Any:
    @contextmanager
    def transaction(self: Database) -> Iterator[Any]:
        if self._connection.in_transaction:
            yield self._connection
            return
        with self._usable():
            points.at(Kind.JOURNAL, "begin")
        with real(self) as connection:
            yield connection
            points.at(Kind.JOURNAL, "commit")
        points.at(Kind.KEPT, "committed")

    return transaction


#: The contract's function whose transaction is on its way.
_FUNCTION = ["?"]


def _named(real: Any) -> Any:
    def transact(self: SonarContracts, contract: str, address: str, function: str, *arguments: Any) -> Any:
        _FUNCTION[0] = function
        return real(self, contract, address, function, *arguments)

    return transact


def _sending(points: Points, real: Any) -> Any:
    def send_raw_transaction(self: EthereumTester, raw: str) -> str:
        point = points.at(Kind.SEND, _FUNCTION[0])
        if point is None:
            return real(self, raw)
        sent = points.fate.send(point, raw, lambda: real(self, raw))
        points.has_sent()
        points.at(Kind.SENT, _FUNCTION[0])
        return sent

    return send_raw_transaction


def _asking(points: Points, real: Any) -> Any:
    def request_blocking(self: RequestManager, method: Any, params: Any, *formatters: Any) -> Any:
        name = str(method)
        point = points.at(Kind.ASK, name)
        result = real(self, method, params, *formatters)
        if point is None:
            return result
        points.at(Kind.ANSWER, name)
        return points.fate.answer(point, params, result)

    return request_blocking


def _storing(points: Points, kind: Kind, real: Any) -> Any:
    def store(self: EmbeddedStore, what: bytes, **limits: Any) -> Any:
        points.at(kind, self._folder.name)
        return real(self, what, **limits)

    return store
