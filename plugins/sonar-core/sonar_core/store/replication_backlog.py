"""What stores have missed while they were down, in a service's journal: a restart forgets none of it."""

from __future__ import annotations

from dataclasses import dataclass

from sonar_core.base.database import Database

#: What a journal needs for a backlog; goes into its owner's migrations.
BACKLOG_TABLE = """
CREATE TABLE missed (turn INTEGER PRIMARY KEY AUTOINCREMENT, store TEXT NOT NULL, address BLOB NOT NULL,
                     longest INTEGER NOT NULL, keeps INTEGER NOT NULL, UNIQUE (store, address))
"""


@dataclass(frozen=True, slots=True)
class Missed:
    """One blob that a store should keep and does not, or the other way round.

    Attributes:
        address: of the blob.
        longest: most bytes it may have.
        keeps: whether the store should keep it; otherwise it should let go of it.
    """

    address: bytes
    longest: int
    keeps: bool


class Backlog:
    """What is to be made up for, by the store's URI. What is wanted last of a blob counts.

    Args:
        journal: its migrations include BACKLOG_TABLE.
    """

    def __init__(self, journal: Database) -> None:
        self._journal = journal

    def note(self, store: str, missed: Missed) -> None:
        """A store missed something. Raises JournalError."""
        with self._journal.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO missed (store, address, longest, keeps) VALUES (?, ?, ?, ?)",
                (store, missed.address, missed.longest, missed.keeps),
            )

    def forget(self, store: str, address: bytes) -> None:
        """A store missed nothing of a blob any more. Raises JournalError."""
        if self._journal.row("SELECT 1 FROM missed WHERE store = ? AND address = ?", (store, address)):
            with self._journal.transaction() as connection:
                connection.execute("DELETE FROM missed WHERE store = ? AND address = ?", (store, address))

    def of(self, store: str, *, most: int) -> list[Missed]:
        """What a store has missed, the longest waiting first. Raises JournalError."""
        rows = self._journal.rows("SELECT * FROM missed WHERE store = ? ORDER BY turn LIMIT ?", (store, most))
        return [Missed(row["address"], row["longest"], bool(row["keeps"])) for row in rows]

    def count(self, store: str) -> int:
        """How many blobs a store has missed. Raises JournalError."""
        row = self._journal.row("SELECT count(*) AS number FROM missed WHERE store = ?", (store,))
        return int(row["number"]) if row else 0
