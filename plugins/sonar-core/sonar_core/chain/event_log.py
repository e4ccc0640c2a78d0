"""A service's ledger across restarts: the events it has read are kept in its journal, next to the cursor.

A restart builds the ledger from the journal instead of reading the chain again, and a reorganisation is undone by
forgetting the events of the blocks that went away.
"""

from __future__ import annotations

import json
from dataclasses import fields
from sqlite3 import Row
from typing import Any

from sonar_core.base.database import Database, JournalDamagedError
from sonar_core.chain.event_follower import FOLLOWER_TABLES, Batch, Chain, EventFollower
from sonar_core.protocol.events import Event, LogPosition, build_event
from sonar_core.protocol.ledger import Ledger

#: What a journal needs for a chronicle; goes into its owner's migrations.
CHRONICLE_TABLES = f"""{FOLLOWER_TABLES};
CREATE TABLE event (block INTEGER NOT NULL, log_index INTEGER NOT NULL, block_hash BLOB NOT NULL, tx BLOB NOT NULL,
                    timestamp INTEGER NOT NULL, name TEXT NOT NULL, arguments TEXT NOT NULL,
                    PRIMARY KEY (block, log_index)) WITHOUT ROWID
"""
_INSERT = "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?)"


class EventLog:
    """Everything that happened and has its confirmations, in order.

    Args:
        chain: where events are read.
        journal: its migrations include CHRONICLE_TABLES.
        confirmations, start_block: as for a Follower.

    Attributes:
        ledger: the state that the events give.

    Raises:
        WrongChainError: the journal followed another chain.
        JournalDamagedError: what is in it are no events.
    """

    def __init__(self, chain: Chain, journal: Database, *, confirmations: int, start_block: int) -> None:
        self._chain = chain
        self._journal = journal
        self._confirmations = confirmations
        self._follower = EventFollower(
            chain, journal, confirmations=confirmations, start_block=start_block, known=self._between
        )
        self._untold: list[Batch] = []
        self.ledger = self._rebuilt()

    def catch_up(self) -> list[Batch]:
        """Reads what is new until nothing is; the ledger follows.

        Returns:
            What was read, and what an earlier call had read before it raised.

        Raises:
            ChainError: the chain cannot be read; what was read before is kept.
            JournalError: the same of the journal.
            DeepReorganisationError: the chain changed below all that is remembered.
        """
        while batch := self._take_one():
            self._untold.append(batch)
        told, self._untold = self._untold, []
        return told

    @property
    def newest_block(self) -> int:
        """The last block that was read."""
        return self._follower.next_block - 1

    def behind(self, head: int) -> int:
        """Blocks that have their confirmations where `head` is the newest one, and were not read yet."""
        return max(0, head - self._confirmations - self.newest_block)

    def ahead(self) -> Ledger:
        """The ledger with the newest blocks in it too, which may still go away."""
        return self.ledger.copy().apply_all(self._chain.events(self._follower.next_block, self._chain.head() + 1))

    def _take_one(self) -> Batch | None:
        with self._follower.next() as batch:
            if batch is None:
                return None
            with self._journal.transaction() as connection:
                if batch.rewound_to is not None:
                    connection.execute("DELETE FROM event WHERE block >= ?", (batch.rewound_to,))
                connection.executemany(_INSERT, map(_to_row, batch.events))
            ledger = self._rebuilt() if batch.rewound_to is not None else self.ledger.copy().apply_all(batch.events)
        self.ledger = ledger
        return batch

    def _between(self, start: int, stop: int) -> list[Event]:
        """The events kept of the blocks start <= block < stop."""
        rows = self._journal.rows(
            "SELECT * FROM event WHERE block >= ? AND block < ? ORDER BY block, log_index", (start, stop)
        )
        return [_from_row(row) for row in rows]

    def _rebuilt(self) -> Ledger:
        rows = self._journal.rows("SELECT * FROM event ORDER BY block, log_index")
        try:
            return Ledger().apply_all(map(_from_row, rows))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            # What is in the file was such an event when it was read off the chain.
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
    """JSON of an event's argument: bytes as {"hex": ...}, structs as lists of their fields."""
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if hasattr(value, "to_tuple"):
        value = value.to_tuple()
    return [_plain(part) for part in value] if isinstance(value, tuple | list) else value


def _rich(value: Any) -> Any:
    if isinstance(value, dict):
        return bytes.fromhex(value["hex"])
    return tuple(_rich(part) for part in value) if isinstance(value, list) else value
