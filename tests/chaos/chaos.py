"""A seeded mixture of faults: every party at every point, the chain and the node between two turns."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ape.exceptions import ApeException
from eth_tester.exceptions import TransactionFailed
from eth_utils.exceptions import ValidationError

from sonar_core.base.database import JournalError, open_to_read
from tests.chaos.points import (
    LASTING,
    STORING,
    TALKING,
    WRITING,
    Fate,
    Kind,
    Point,
    cut_off,
    disk_full,
    killed,
    store_down,
    store_lies,
)
from tests.chaos.town import CAPSULE, CONFIRMATIONS, MINES, SCIENTIST, Town

#: How often a point of each kind is met by a fault. Requests are many, transactions few.
RATES = {
    Kind.FILE: 0.03,
    Kind.JOURNAL: 0.03,
    Kind.KEPT: 0.03,
    Kind.SEND: 0.15,
    Kind.SENT: 0.15,
    Kind.ASK: 0.001,
    Kind.ANSWER: 0.001,
    Kind.FETCH: 0.1,
    Kind.PUBLISH: 0.1,
}
#: How often a transaction waits, or is overtaken by another of its account; and how often logs are wrong.
_STUCK, _OVERTAKEN, _WRONG_LOGS = 0.2, 0.1, 0.03
#: How often the chain is reorganised between two turns; what waits gets into a block; the node starts anew.
_REORGANISED, _RELEASED, _NODE_RESTARTED = 0.08, 0.2, 0.02
#: How often a party that was killed finds its state file damaged; how often Mines change places.
_DAMAGED, _SWAPPED = 0.3, 0.05
_DAY = 86_400
#: A Mine's Gradients whose sealed bytes are nowhere but in the file; a Capsule's transactions without confirmations,
#: as the contract takes the same rebase twice.
_UNDER_WAY = {
    **dict.fromkeys(MINES, "SELECT count(*) FROM submission WHERE state != 'published'"),
    CAPSULE: "SELECT count(*) FROM offer",
}
#: Faults of a history: then they stop, and the story goes on to its end. They begin after so many turns at most.
FEWEST, MOST, LATEST = 20, 60, 120


@dataclass(frozen=True, slots=True)
class Sent:
    """A transaction on its way."""

    block: int
    party: str
    raw: str


class Chaos(Fate):
    """One history's faults.

    Args:
        town: that they come over.
        seed: the same seed brings the same draws.

    Attributes:
        injected: how many there were, by kind.
    """

    def __init__(self, town: Town, seed: int) -> None:
        self.town = town
        self.injected: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._left = self._random.randint(FEWEST, MOST)
        self._begins = self._random.randint(0, LATEST)
        self._sent: list[Sent] = []
        self._waiting: list[Sent] = []
        self._store_fault: tuple[int, str] = (0, "")
        town.points.fate = self
        town.between, town.shuffle = self.between, self.shuffle
        town.turned_off, town.skew = self.turned_off, self.skew

    def _is_calm(self) -> bool:
        return self._left <= 0 or self.town.points.turns < self._begins

    def _draw(self, rate: float, name: str) -> bool:
        """Decides whether the fault happens, and counts it."""
        if self._is_calm() or self._random.random() >= rate:
            return False
        self._left -= 1
        self.injected[name] += 1
        return True

    # ------------------------------------------------------------------ at a party's points

    def meet(self, point: Point) -> None:
        if self._is_calm() or self._random.random() >= RATES[point.kind]:
            return
        name, fault = self._random.choice(self._faults(point))
        if fault is not None:
            self._left -= 1
            self.injected[name] += 1
            raise fault

    def _faults(self, point: Point) -> list[tuple[str, BaseException | None]]:
        found: list[tuple[str, BaseException | None]] = []
        if point.kind in LASTING:
            found.append(("killed", killed(point)))
        if point.kind in WRITING:
            found.append(("disk full", disk_full(point)))
        if point.kind in TALKING:
            found.append(("connection cut", cut_off(point)))
        if point.kind in STORING:
            found.append(self._of_stores(point))
        return found

    def _of_stores(self, point: Point) -> tuple[str, BaseException | None]:
        """Within a turn the stores lie or are down, not both: the word of the only one that answers is believed."""
        turn, before = self._store_fault
        now = self.town.points.turns
        lies = point.kind is Kind.FETCH and point.name == "one" and self._random.random() < 0.5
        name = "store lies" if lies else "store down"
        if turn == now and before != name:
            return name, None
        self._store_fault = now, name
        return name, store_lies(bytes(32)) if lies else store_down(point)

    def answer(self, point: Point, params: Any, result: Any) -> Any:
        if point.name == "eth_getTransactionCount" and params[1] == "pending":
            return result + self._waiting_of(str(params[0]))
        if point.name != "eth_getLogs" or not result:
            return result
        if self._draw(_WRONG_LOGS, "logs missing"):
            return self._random.sample(result, self._random.randrange(len(result)))
        if self._draw(_WRONG_LOGS, "logs twice"):
            return [*result, *self._random.sample(result, self._random.randint(1, len(result)))]
        return result

    def _waiting_of(self, address: str) -> int:
        """A party that has a transaction waiting sends no other."""
        owners = (str(self.town.accounts[one.party].address) for one in self._waiting)
        return int(any(owner.lower() == address.lower() for owner in owners))

    def send(self, point: Point, raw: str, deliver: Callable[[], str]) -> str:
        if self._draw(_STUCK, "transaction waits"):
            self._waiting.append(Sent(0, point.party, raw))
            self.town.points.die()
        if self._draw(_OVERTAKEN, "nonce taken"):
            with self.town.points.aside():
                account = self.town.accounts[point.party]
                account.transfer(account, 1)
        done = deliver()
        self._sent.append(Sent(self._height(), point.party, raw))
        return done

    # ------------------------------------------------------------------ between two turns

    def between(self) -> None:
        if self._waiting and (self._left <= 0 or self._random.random() < _RELEASED):
            self._let_in(self._waiting.pop(0))
        if self._draw(_NODE_RESTARTED, "node started anew"):
            self._waiting.clear()
        if self._draw(_REORGANISED, "reorganisation"):
            self._reorganise(self._random.randint(1, CONFIRMATIONS))

    def shuffle(self, parties: Sequence[str]) -> Sequence[str]:
        if len(parties) < 2 or self._is_calm() or self._random.random() >= _SWAPPED:
            return parties
        return self._random.sample(parties, len(parties))

    def _reorganise(self, depth: int) -> None:
        """Takes the last blocks back; what was in them comes in another order, later, or never."""
        chain, height = self.town.chain, self._height()
        kept = max(height - depth, self.town.start)
        taken = [one for one in self._sent if one.block > kept]
        self._sent = [one for one in self._sent if one.block <= kept]
        time = chain.blocks.head.timestamp
        chain.provider.restore(bytes(chain.blocks[kept].hash))
        chain.history.revert_to_block(kept)
        chain.mine(timestamp=time + self._random.randint(1, 3))
        for one in self._reordered(taken):
            fate = self._random.random()
            if fate < 0.7:
                self._let_in(one)
            elif fate < 0.85:
                self._waiting.append(one)
        while self._height() <= height:
            chain.mine()

    def _reordered(self, taken: list[Sent]) -> list[Sent]:
        """Another order of all, and the same of each party's own."""
        parties = [one.party for one in taken]
        self._random.shuffle(parties)
        queues = {party: [one for one in taken if one.party == party] for party in parties}
        return [queues[party].pop(0) for party in parties]

    def _let_in(self, one: Sent) -> None:
        """A block with it, where its nonce is in turn; else it is gone."""
        tester = self.town.chain.provider.tester.ethereum_tester
        with suppress(ValidationError, TransactionFailed, ApeException):
            tester.send_raw_transaction(one.raw)
            self._sent.append(Sent(self._height(), one.party, one.raw))

    def _height(self) -> int:
        return int(self.town.chain.blocks.height)

    # ------------------------------------------------------------------ when a party starts again

    def skew(self, party: str) -> float:
        """Seconds by which a Mine's clocks are off."""
        return self._random.uniform(-_DAY, _DAY) if self._draw(0.5, "clock off") else 0.0

    def turned_off(self, party: str) -> None:
        state = self.town.parties[party].home / "state.sqlite"
        if state.exists() and self._draw(_DAMAGED, "state file damaged"):
            self._damage(party, state)

    def _damage(self, party: str, state: Path) -> None:
        """A damaged file is refused; then it is made anew, or brought back where something was under way in it."""
        files = [path for ending in ("", "-wal", "-shm") if (path := state.with_name(state.name + ending)).exists()]
        saved = state.parent.parent / f"saved-{party}"
        saved.mkdir()
        busy = party != SCIENTIST and _is_busy(state, _UNDER_WAY[party])
        for path in files:
            shutil.copy(path, saved / path.name)
            path.write_bytes(self._random.randbytes(4096))
        with pytest.raises(JournalError):
            self.town.parties[party].start()
        if busy:
            for path in saved.iterdir():
                shutil.copy(path, state.parent / path.name)
        else:
            self.town.parties[party].rebuild()
        shutil.rmtree(saved)


def _is_busy(state: Path, question: str) -> bool:
    """Whether something is under way that nobody knows of without the file."""
    try:
        with closing(open_to_read(state)) as file:
            row = file.execute(question).fetchone()
    except sqlite3.Error:
        return False  # killed before there was a table in it
    return bool(row[0])
