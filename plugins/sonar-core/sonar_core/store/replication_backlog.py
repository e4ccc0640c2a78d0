"""The blobs that replicas missed while they were down, in a service's database: a restart loses none."""

from __future__ import annotations

from dataclasses import dataclass

from sonar_core.base.database import Database

#: The backlog's table, for the migrations of the database.
BACKLOG_TABLE = """
CREATE TABLE missed (turn INTEGER PRIMARY KEY AUTOINCREMENT, store TEXT NOT NULL, address BLOB NOT NULL,
                     longest INTEGER NOT NULL, keeps INTEGER NOT NULL, UNIQUE (store, address))
"""


@dataclass(frozen=True, slots=True)
class Missed:
    """One write that a store missed.

    Attributes:
        address: the blob's address, 32 bytes.
        longest: most bytes of the blob.
        keeps: True if the store should keep the blob; False if it should unpin it.
    """

    address: bytes
    longest: int
    keeps: bool


class Backlog:
    """Missed writes by store (its URI). A newer write of the same blob replaces the older one.

    Args:
        journal: a database whose migrations include BACKLOG_TABLE.
    """

    def __init__(self, journal: Database) -> None:
        self._journal = journal

    def add(self, store: str, missed: Missed) -> None:
        """Records that a store missed a write. Raises JournalError."""
        with self._journal.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO missed (store, address, longest, keeps) VALUES (?, ?, ?, ?)",
                (store, missed.address, missed.longest, missed.keeps),
            )

    def remove(self, store: str, address: bytes) -> None:
        """Removes the missed write of a blob. Raises JournalError."""
        if self._journal.row("SELECT 1 FROM missed WHERE store = ? AND address = ?", (store, address)):
            with self._journal.transaction() as connection:
                connection.execute("DELETE FROM missed WHERE store = ? AND address = ?", (store, address))

    def oldest(self, store: str, *, most: int) -> list[Missed]:
        """The oldest missed writes of a store, at most `most`. Raises JournalError."""
        rows = self._journal.rows("SELECT * FROM missed WHERE store = ? ORDER BY turn LIMIT ?", (store, most))
        return [Missed(row["address"], row["longest"], bool(row["keeps"])) for row in rows]

    def count(self, store: str) -> int:
        """Number of missed writes of a store. Raises JournalError."""
        row = self._journal.row("SELECT count(*) AS number FROM missed WHERE store = ?", (store,))
        return int(row["number"]) if row else 0
