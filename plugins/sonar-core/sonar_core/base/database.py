"""A SQLite database with migrations, in which each transaction is on disk before the next one begins."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from sonar_core.base.errors import SonarError

#: Path of a database without a file.
IN_MEMORY = Path(":memory:")
_WAIT_SECONDS = 30.0
#: SQLite's primary result codes for a damaged file and for a full disk, and the mask that extracts the primary code.
_DAMAGED, _FULL, _CODE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB), sqlite3.SQLITE_FULL, 0xFF


class JournalError(SonarError, OSError):
    """A state file that cannot be used."""


class JournalDamagedError(JournalError):
    """A state file whose content is damaged.

    Attributes:
        path: of the file.
    """

    def __init__(self, path: Path, why: object, remedy: str) -> None:
        self.path = path
        super().__init__(f"{path} is damaged ({why}): {remedy}")


def open_to_read(path: Path) -> sqlite3.Connection:
    """A read-only connection to an existing database, which may be in use. Raises sqlite3.Error."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_WAIT_SECONDS)


def find_damage(connection: sqlite3.Connection) -> str | None:
    """First problem found by `PRAGMA quick_check`, or None if the file is intact. Raises sqlite3.Error."""
    (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    return None if answer == "ok" else str(answer)


class Database:
    """A SQLite database whose schema is a list of migrations.

    Args:
        path: the file; created with its folder if it is missing.
        migrations: SQL scripts; script n migrates from version n to n + 1. Released scripts never change.
        remedy: advice at the end of the error about a damaged file.

    Raises:
        JournalDamagedError: not a database, or a damaged one.
        JournalError: of a newer version, or in use.
    """

    def __init__(self, path: Path, migrations: Sequence[str], *, remedy: str = "restore it from a copy") -> None:
        self.path, self.remedy = path, remedy
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # A database in memory has no file lock to fall back on: its owner keeps threads apart.
            own_thread = path != IN_MEMORY
            self._connection = sqlite3.connect(
                path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=own_thread
            )
        except (sqlite3.Error, OSError) as error:
            raise JournalError(f"{path}: cannot be used as a state file: {error}") from None
        self._connection.row_factory = sqlite3.Row
        try:
            self._require_intact()
            for setting in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
                self._connection.execute(f"PRAGMA {setting}")
            self._migrate(migrations)
        except (sqlite3.Error, JournalError) as error:
            self.close()
            raise (error if isinstance(error, JournalError) else self._translated(error)) from None

    @classmethod
    def copy_in_memory(
        cls, path: Path, migrations: Sequence[str], *, remedy: str = "restore it from a copy"
    ) -> Database:
        """An in-memory copy of a database file that may be in use; changes to it are lost.

        Raises:
            JournalError: the file cannot be read.
        """
        copy = cls(IN_MEMORY, (), remedy=remedy)
        copy.path = path
        try:
            with closing(open_to_read(path)) as own:
                own.backup(copy._connection)
        except sqlite3.Error as error:
            raise copy._translated(error) from None
        copy._migrate(migrations)
        return copy

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """An atomic transaction. If nested, the outermost one commits or rolls back.

        Raises:
            JournalError: another process writes, the disk is full, or the file is damaged.
        """
        if self._connection.in_transaction:
            yield self._connection
            return
        with self._usable():
            self._connection.execute("BEGIN IMMEDIATE")
        try:
            with self._usable():
                yield self._connection
                self._connection.execute("COMMIT")
        except BaseException:
            # SQLite itself rolls back if the disk is full.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def rows(self, sql: str, arguments: Sequence[object] = ()) -> list[sqlite3.Row]:
        """All rows of a query. Raises JournalError."""
        with self._usable():
            return self._connection.execute(sql, tuple(arguments)).fetchall()

    def row(self, sql: str, arguments: Sequence[object] = ()) -> sqlite3.Row | None:
        """The first row of a query, or None. Raises JournalError."""
        with self._usable():
            found: sqlite3.Row | None = self._connection.execute(sql, tuple(arguments)).fetchone()
        return found

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
            # A defect in the calling code, not in the file.
            raise
        except sqlite3.Error as error:
            raise self._translated(error) from None

    def _translated(self, error: sqlite3.Error) -> JournalError:
        code = getattr(error, "sqlite_errorcode", 0) & _CODE
        if code in _DAMAGED:
            return JournalDamagedError(self.path, error, self.remedy)
        if code == _FULL:
            return JournalError(f"{self.path}: the disk is full: make room (the change was rolled back)")
        return JournalError(
            f"{self.path} cannot be used: {error}: is another process using this home, or the disk full?"
        )

    def _require_intact(self) -> None:
        """Checks the whole file, so that damage shows at the start and not in the middle of a step."""
        if wrong := find_damage(self._connection):
            raise JournalDamagedError(self.path, " ".join(wrong.split()), self.remedy)

    def _migrate(self, migrations: Sequence[str]) -> None:
        """Runs the missing migrations; of two processes that start at once, one runs them."""
        with self.transaction() as connection:
            version = int(connection.execute("PRAGMA user_version").fetchone()[0])
            if version > len(migrations):
                raise JournalError(f"{self.path}: written by a newer version of this program: update it")
            for statement in _statements(";".join(migrations[version:])):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {len(migrations)}")


def _statements(script: str) -> Iterator[str]:
    """The statements of a script one by one: `executescript` would commit the open transaction first."""
    statement = ""
    for part in script.split(";"):
        statement += part + ";"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip("; \n"):
        raise sqlite3.ProgrammingError(f"an unfinished statement: {statement}")
