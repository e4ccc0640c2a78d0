"""Cursor over the chain's events: reads each event once, in order, and reports what a reorganisation took back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from sonar_core.base.database import Database
from sonar_core.base.errors import SonarError
from sonar_core.protocol.events import Event

#: Table of a follower's cursor; part of its owner's migrations.
FOLLOWER_TABLES = """
CREATE TABLE follower (only INTEGER PRIMARY KEY CHECK (only = 1), chain_id INTEGER NOT NULL, genesis BLOB NOT NULL,
                       next_block INTEGER NOT NULL, checkpoints TEXT NOT NULL)
"""
#: Blocks per query: a range that public nodes answer.
_LARGEST_RANGE = 2_000
#: Depth up to which a block is read again with each batch: behind a load balancer a node that lags answers without the
#: logs of its newest blocks.
READ_AGAIN = 64
#: Checkpoints kept, one per batch: the depth that a reorganisation may have.
_CHECKPOINTS = 256


class WrongChainError(SonarError, ValueError):
    """The journal belongs to another chain than the one it is used with."""


class DeepReorganisationError(SonarError, RuntimeError):
    """The chain was reorganised below the oldest checkpoint."""


class Chain(Protocol):
    """Source of a follower's events, such as `sonar_core.chain.contracts.SonarContracts`."""

    chain_id: int

    def newest_block(self) -> int:
        """Number of the newest block."""

    def block_hash(self, number: int) -> bytes:
        """Hash of a block."""

    def events(self, start: int, stop: int) -> list[Event]:
        """Events in start <= block < stop, in order."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Events of a range of blocks.

    Attributes:
        start, stop: the blocks read, start <= block < stop.
        events: in order; each at least `confirmations` deep.
        rewound_to: the first block whose earlier events are void, to be deleted before `events` are applied; None if
            nothing was taken back.
    """

    start: int
    stop: int
    events: tuple[Event, ...]
    rewound_to: int | None = None


class EventFollower:
    """A cursor over the chain's events, stored in its owner's journal.

    The cursor moves in the transaction that moves the owner's state: a crash repeats a batch whole or not at all.

    Args:
        chain: source of events.
        journal: its migrations include FOLLOWER_TABLES.
        confirmations: blocks on top of a block before its events count; 0 includes the newest block.
        start_block: first block to read, that of the contracts' deployment.
        known: returns the events that the owner has of the blocks start <= block < stop. With it, blocks are read again
            until they are READ_AGAIN deep; an event that an earlier read missed is delivered like a reorganisation.
            None: every block is read once.

    Raises:
        WrongChainError: the journal followed another chain, or this chain was started anew.
    """

    def __init__(
        self,
        chain: Chain,
        journal: Database,
        *,
        confirmations: int,
        start_block: int,
        known: Callable[[int, int], Sequence[Event]] | None = None,
    ) -> None:
        self._chain = chain
        self._journal = journal
        self._confirmations = confirmations
        self._start = start_block
        self._known = known
        self._read_again = max(0, READ_AGAIN - confirmations) if known else 0
        self._require_same_chain()

    @contextmanager
    def next_batch(self) -> Iterator[Batch | None]:
        """The next batch, or None if no block is new. The cursor moves if the context ends without an exception."""
        batch, checkpoints = self._read_batch()
        with self._journal.transaction() as connection:
            yield batch
            if batch is not None:
                connection.execute(
                    "UPDATE follower SET next_block = ?, checkpoints = ?", (batch.stop, json.dumps(checkpoints))
                )

    @property
    def next_block(self) -> int:
        """The first block that is not read yet."""
        row = self._journal.row("SELECT next_block FROM follower")
        return int(row["next_block"]) if row else self._start

    def _read_batch(self) -> tuple[Batch | None, list[tuple[int, str]]]:
        checkpoints = self._checkpoints()
        kept, rewound_to = self._rewind(checkpoints)
        start = self.next_block if rewound_to is None else rewound_to
        stop = min(self._chain.newest_block() - self._confirmations + 1, start + _LARGEST_RANGE)
        if stop <= start:
            if rewound_to is None:
                return None, kept
            return Batch(start, start, (), rewound_to), kept
        last_hash = self._chain.block_hash(stop - 1)
        again = max(start - self._read_again, self._start)
        found = self._chain.events(again, stop)
        seen = [*kept[-1:], (stop - 1, last_hash.hex())]
        if not all(self._still_there(*checkpoint) for checkpoint in seen):
            # Reorganised while it was read, perhaps below the last checkpoint: the next poll reads again.
            return None, kept
        former = self._known(again, start) if self._known and again < start else ()
        events = _union(former, found)
        if sum(event.position.block < start for event in events) > len(former):
            start = rewound_to = again
            kept = [checkpoint for checkpoint in kept if checkpoint[0] < again]
        fresh = tuple(event for event in events if event.position.block >= start)
        return Batch(start, stop, fresh, rewound_to), [*kept, (stop - 1, last_hash.hex())][-_CHECKPOINTS:]

    def _rewind(self, checkpoints: list[tuple[int, str]]) -> tuple[list[tuple[int, str]], int | None]:
        """The checkpoints that are still on the chain, and the block to read from if some are not (else None)."""
        kept = list(checkpoints)
        while kept and not self._still_there(*kept[-1]):
            kept.pop()
        if len(kept) == len(checkpoints):
            return kept, None
        if not kept and len(checkpoints) >= _CHECKPOINTS:
            raise DeepReorganisationError(
                f"the chain changed below block {checkpoints[0][0]}, and {self._journal.path} cannot follow: "
                f"{self._journal.remedy}"
            )
        return kept, kept[-1][0] + 1 if kept else self._start

    def _still_there(self, number: int, block_hash: str) -> bool:
        return number <= self._chain.newest_block() and self._chain.block_hash(number).hex() == block_hash

    def _checkpoints(self) -> list[tuple[int, str]]:
        row = self._journal.row("SELECT checkpoints FROM follower")
        return [(int(number), str(block_hash)) for number, block_hash in json.loads(row["checkpoints"])] if row else []

    def _require_same_chain(self) -> None:
        genesis = self._chain.block_hash(0)
        row = self._journal.row("SELECT chain_id, genesis FROM follower")
        if row is None:
            with self._journal.transaction() as connection:
                connection.execute(
                    "INSERT INTO follower VALUES (1, ?, ?, ?, '[]')", (self._chain.chain_id, genesis, self._start)
                )
        elif (int(row["chain_id"]), bytes(row["genesis"])) != (self._chain.chain_id, genesis):
            raise WrongChainError(
                f"{self._journal.path} follows another chain than chain {self._chain.chain_id} with genesis "
                f"0x{genesis.hex()[:8]}: use another home; or {self._journal.remedy}"
            )


def _union(former: Sequence[Event], found: Sequence[Event]) -> list[Event]:
    """Union of two reads of the same blocks, in order, without duplicates; either read may have missed logs."""
    by_position = {(event.position.block, event.position.log_index): event for event in (*former, *found)}
    return [by_position[position] for position in sorted(by_position)]
