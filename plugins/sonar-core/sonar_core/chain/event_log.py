"""A ledger kept up to date from the chain's events, with a persistent log of the events it was built from.

A restart builds the ledger from the log instead of reading the chain again. A reorganisation is undone by deleting the
events of the blocks that went away. `EventLog.in_memory` is the same for a process that keeps nothing.
"""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from sqlite3 import Row
from typing import Any

from sonar_core.base.database import IN_MEMORY, Database, JournalDamagedError
from sonar_core.chain.event_follower import FOLLOWER_TABLES, READ_AGAIN, Batch, Chain, EventFollower
from sonar_core.protocol.events import Event, LogPosition, build_event
from sonar_core.protocol.ledger import Ledger

#: Tables of an event log; part of its owner's migrations.
EVENT_LOG_TABLES = f"""{FOLLOWER_TABLES};
CREATE TABLE event (block INTEGER NOT NULL, log_index INTEGER NOT NULL, block_hash BLOB NOT NULL, tx BLOB NOT NULL,
                    timestamp INTEGER NOT NULL, name TEXT NOT NULL, arguments TEXT NOT NULL,
                    PRIMARY KEY (block, log_index)) WITHOUT ROWID
"""
_INSERT = "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?)"


class EventLog:
    """All events that have their confirmations, in order, and the ledger that they give.

    Args:
        chain: source of events.
        journal: its migrations include EVENT_LOG_TABLES.
        confirmations, start_block: as of `EventFollower`.

    Attributes:
        confirmed_ledger: the ledger of the events that have their confirmations; `catch_up` replaces it.

    Raises:
        WrongChainError: the journal followed another chain.
        JournalDamagedError: the journal's rows are no events.
    """

    def __init__(self, chain: Chain, journal: Database, *, confirmations: int, start_block: int) -> None:
        self._chain = chain
        self._journal = journal
        self._confirmations = confirmations
        self._follower = EventFollower(
            chain, journal, confirmations=confirmations, start_block=start_block, known=self._between
        )
        self._unreported: list[Batch] = []
        self.confirmed_ledger = self._rebuilt()

    @classmethod
    def in_memory(cls, chain: Chain, *, start_block: int) -> EventLog:
        """An event log without a file. The last READ_AGAIN blocks count as unconfirmed, and are read each time."""
        journal = Database(IN_MEMORY, [EVENT_LOG_TABLES])
        return cls(chain, journal, confirmations=READ_AGAIN, start_block=start_block)

    def catch_up(self) -> list[Batch]:
        """Reads new blocks until none is left, and brings `confirmed_ledger` up to date.

        Returns:
            The batches read, with those that an earlier call had read before it raised.

        Raises:
            ChainError: the chain cannot be read; batches that were read before are kept.
            JournalError: the journal cannot be used; likewise.
            DeepReorganisationError: the chain changed below the oldest checkpoint.
            LedgerError: the node left out a log that a later event depends on.
        """
        while batch := self._take_one():
            self._unreported.append(batch)
        batches, self._unreported = self._unreported, []
        return batches

    @property
    def last_read_block(self) -> int:
        """Number of the newest block that was read."""
        return self._follower.next_block - 1

    def blocks_behind(self, newest_block: int) -> int:
        """How many confirmed blocks are not read yet, if `newest_block` is the chain's newest."""
        return max(0, newest_block - self._confirmations - self.last_read_block)

    def unconfirmed_ledger(self) -> Ledger:
        """A copy of the confirmed ledger that also has the events of the newest blocks, which may still go away."""
        newest = self._chain.events(self._follower.next_block, self._chain.newest_block() + 1)
        return self.confirmed_ledger.copy().apply_all(newest)

    def events(self) -> list[Event]:
        """All confirmed events, oldest first. Raises JournalError."""
        rows = self._journal.rows("SELECT * FROM event ORDER BY block, log_index")
        return [_from_row(row) for row in rows]

    def _take_one(self) -> Batch | None:
        with self._follower.next_batch() as batch:
            if batch is None:
                return None
            with self._journal.transaction() as connection:
                if batch.rewound_to is not None:
                    connection.execute("DELETE FROM event WHERE block >= ?", (batch.rewound_to,))
                connection.executemany(_INSERT, map(_to_row, batch.events))
            rewound = batch.rewound_to is not None
            ledger = self._rebuilt() if rewound else self.confirmed_ledger.copy().apply_all(batch.events)
        self.confirmed_ledger = ledger
        return batch

    def _between(self, start: int, stop: int) -> list[Event]:
        """Logged events of the blocks start <= block < stop."""
        rows = self._journal.rows(
            "SELECT * FROM event WHERE block >= ? AND block < ? ORDER BY block, log_index", (start, stop)
        )
        return [_from_row(row) for row in rows]

    def _rebuilt(self) -> Ledger:
        rows = self._journal.rows("SELECT * FROM event ORDER BY block, log_index")
        try:
            return Ledger().apply_all(map(_from_row, rows))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            # Each row was a valid event when it was written.
            raise JournalDamagedError(self._journal.path, f"its events: {error!r:.120}", self._journal.remedy) from None


def _to_row(event: Event) -> tuple[object, ...]:
    position = event.position
    names = [field.name for field in fields(event) if field.name != "position"]
    arguments = json.dumps({name: _plain(getattr(event, name)) for name in names})
    where = (position.block, position.log_index, position.block_hash, position.transaction, position.timestamp)
    return *where, type(event).__name__, arguments


def _from_row(row: Row) -> Event:
    position = LogPosition(row["block"], row["block_hash"], row["log_index"], row["tx"], row["timestamp"])
    arguments = {name: _rich(value) for name, value in json.loads(row["arguments"]).items()}
    return build_event(row["name"], arguments, position)


def _plain(value: Any) -> Any:
    """JSON of an argument: bytes as {"hex": ...}, a struct as an object of its fields in the contract's order."""
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return [_plain(part) for part in value] if isinstance(value, tuple | list) else value


def _rich(value: Any) -> Any:
    """What `_plain` was given, structs as tuples."""
    if isinstance(value, dict):
        return bytes.fromhex(value["hex"]) if value.keys() == {"hex"} else tuple(map(_rich, value.values()))
    return tuple(map(_rich, value)) if isinstance(value, list) else value
