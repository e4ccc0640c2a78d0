"""What a service must not forget, in one SQLite file: every step is a transaction, on disk before the next one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from sonar_core.base.errors import SonarError

#: Path of a database without a file.
IN_MEMORY = Path(":memory:")
_WAIT_SECONDS = 30.0
#: SQLite's codes, without what it adds to them, for a file whose content is wrong, and for a disk without room.
_DAMAGED, _FULL, _CODE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB), sqlite3.SQLITE_FULL, 0xFF


class JournalError(SonarError, OSError):
    """The state file cannot be used; says why and what to do."""


class JournalDamagedError(JournalError):
    """The state file is not as it was written.

    Attributes:
        path: of the file.
    """

    def __init__(self, path: Path, why: object, remedy: str) -> None:
        self.path = path
        super().__init__(f"{path} is damaged ({why}): {remedy}")


def open_to_read(path: Path) -> sqlite3.Connection:
    """A database that is there already, to look at alone; it may be in use. Raises sqlite3.Error."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_WAIT_SECONDS)


def damage(connection: sqlite3.Connection) -> str | None:
    """What is wrong with a database by SQLite's own check of the whole file; None for nothing. Raises sqlite3.Error."""
    (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    return None if answer == "ok" else str(answer)


class Database:
    """A SQLite database whose schema is a list of migrations.

    Args:
        path: file; made, with its folder, where it is not there.
        migrations: SQL scripts; the n-th brings version n to n + 1. Old ones are never changed.
        remedy: what its owner can do about a file that is damaged, or another chain's.

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
            self._require_sound()
            for setting in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
                self._connection.execute(f"PRAGMA {setting}")
            self._migrate(migrations)
        except (sqlite3.Error, JournalError) as error:
            self.close()
            raise (error if isinstance(error, JournalError) else self._translated(error)) from None

    @classmethod
    def rehearsal(cls, path: Path, migrations: Sequence[str], *, remedy: str = "restore it from a copy") -> Database:
        """A copy in memory of the journal in a file, which may be in use: what is done to it is forgotten.

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
        """Everything in it happens, or nothing. May be nested: the outermost one decides.

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
            # A disk that was full has ended the transaction by itself.
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
            # The owner's mistake, not the file's.
            raise
        except sqlite3.Error as error:
            raise self._translated(error) from None

    def _translated(self, error: sqlite3.Error) -> JournalError:
        code = getattr(error, "sqlite_errorcode", 0) & _CODE
        if code in _DAMAGED:
            return JournalDamagedError(self.path, error, self.remedy)
        if code == _FULL:
            return JournalError(f"{self.path}: the disk is full: make room; what was being written is not half there")
        return JournalError(
            f"{self.path} cannot be used: {error}: is another process using this home, or the disk full?"
        )

    def _require_sound(self) -> None:
        """Looks the whole file through: damage shows at the start, and not in the middle of a move."""
        if wrong := damage(self._connection):
            raise JournalDamagedError(self.path, " ".join(wrong.split()), self.remedy)

    def _migrate(self, migrations: Sequence[str]) -> None:
        """Brings the schema up to date; of two processes that try, one does it and the other finds it done."""
        with self.transaction() as connection:
            version = int(connection.execute("PRAGMA user_version").fetchone()[0])
            if version > len(migrations):
                raise JournalError(f"{self.path}: written by a newer version of this program: update it")
            for statement in _statements(";".join(migrations[version:])):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {len(migrations)}")


def _statements(script: str) -> Iterator[str]:
    """The script's statements one by one: sqlite3's own way to run a script would end the transaction first."""
    statement = ""
    for part in script.split(";"):
        statement += part + ";"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip("; \n"):
        raise sqlite3.ProgrammingError(f"an unfinished statement: {statement}")
