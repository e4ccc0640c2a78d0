"""What a service must not forget, in one SQLite file: every step is a transaction, on disk before the next one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ape_sonar.errors import SonarError

_WAIT_SECONDS = 30.0


class JournalError(SonarError, OSError):
    """The state file cannot be used; says why and what to do."""


class Journal:
    """A SQLite database whose schema is a list of migrations.

    Args:
        path: file; made, with its folder, where it is not there.
        migrations: SQL scripts; the n-th brings version n to n + 1. Old ones are never changed.

    Raises:
        JournalError: not a database, of a newer version, damaged, or in use.
    """

    def __init__(self, path: Path, migrations: Sequence[str]) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None)
            self._connection.row_factory = sqlite3.Row
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute("PRAGMA foreign_keys = ON")
            self._migrate(migrations)
        except (sqlite3.Error, OSError) as error:
            raise JournalError(f"{path}: cannot be used as a state file: {error}: move it away to start anew") from None

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Everything in it happens, or nothing. May be nested: the outermost one decides."""
        if self._connection.in_transaction:
            yield self._connection
            return
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise JournalError(f"{self.path}: {error}: is another process using this home?") from None
        try:
            yield self._connection
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def rows(self, sql: str, arguments: Sequence[object] = ()) -> list[sqlite3.Row]:
        """All rows of a query."""
        return self._connection.execute(sql, tuple(arguments)).fetchall()

    def row(self, sql: str, arguments: Sequence[object] = ()) -> sqlite3.Row | None:
        """The first row of a query, or None."""
        found: sqlite3.Row | None = self._connection.execute(sql, tuple(arguments)).fetchone()
        return found

    def close(self) -> None:
        self._connection.close()

    def _migrate(self, migrations: Sequence[str]) -> None:
        version = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
        if version > len(migrations):
            raise JournalError(f"{self.path}: written by a newer version of this program: update it")
        for number in range(version, len(migrations)):
            script = f"BEGIN IMMEDIATE; {migrations[number]}; PRAGMA user_version = {number + 1}; COMMIT;"
            self._connection.executescript(script)
