"""What the datasets of a Mine are and were: every version's row in one SQLite file, kept when its rows are long gone.

The catalog says which files count: one that it does not name was left by a process that was killed. It forgets no
version, so that whatever was released of a name's rows is charged to every name under which those rows came back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import Row

from ape_mine.errors import DatasetChangedError
from sonar_core.base.canonical_json import to_canonical
from sonar_core.base.database import Database
from sonar_core.data.table_schema import TableSchema

_MIGRATIONS = [
    """CREATE TABLE version (
    name TEXT NOT NULL, number INTEGER NOT NULL, digest BLOB NOT NULL, rows INTEGER NOT NULL, schema TEXT NOT NULL,
    keyed INTEGER NOT NULL, source TEXT NOT NULL, at TEXT NOT NULL, file TEXT NOT NULL UNIQUE, pruned TEXT,
    PRIMARY KEY (name, number)
);
CREATE INDEX version_digest ON version (digest);
CREATE TABLE reached (name TEXT NOT NULL, source TEXT NOT NULL, cursor TEXT NOT NULL, PRIMARY KEY (name, source))
""",
]
#: Names that ever held the very rows of one of a name's versions, and so on from each of them.
_KIN = """WITH RECURSIVE kin (name) AS (
    SELECT ?
    UNION
    SELECT other.name FROM kin JOIN version AS own ON own.name = kin.name JOIN version AS other USING (digest)
) SELECT name FROM kin WHERE name <> ? ORDER BY name"""


@dataclass(frozen=True, slots=True)
class Version:
    """One state of a dataset.

    Attributes:
        name: of the dataset.
        number: counted from 1.
        digest: 32 bytes, another one whenever a row or the schema is another.
        rows: how many.
        schema: of its columns.
        keyed: whether each row carries the id that its source gives it.
        source: what it was read from, in words.
        at: when it came in, UTC.
        file: the Parquet file, relative to the store's folder.
        pruned: when its rows were deleted; None while they are there.
    """

    name: str
    number: int
    digest: bytes
    rows: int
    schema: TableSchema
    keyed: bool
    source: str
    at: datetime
    file: str
    pruned: datetime | None = None


class Catalog:
    """The catalog in a file.

    Raises:
        JournalError: not such a file, or it cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._journal = Database(path, _MIGRATIONS)

    def newest(self, name: str) -> Version | None:
        """The newest version of a name; None where there is none, or its rows were deleted."""
        history = self.history(name)
        return history[-1] if history and history[-1].pruned is None else None

    def history(self, name: str) -> list[Version]:
        """All versions of a name, oldest first."""
        return [
            _version(row) for row in self._journal.rows("SELECT * FROM version WHERE name = ? ORDER BY number", (name,))
        ]

    def names(self) -> list[str]:
        """Names whose newest version is there."""
        newest = "SELECT name, max(number) AS number FROM version GROUP BY name"
        found = self._journal.rows(
            f"SELECT name FROM version JOIN ({newest}) USING (name, number) WHERE pruned IS NULL ORDER BY name"  # noqa: S608 - constants
        )
        return [row["name"] for row in found]

    def all_names(self) -> list[str]:
        """Every name there ever was."""
        return [row["name"] for row in self._journal.rows("SELECT DISTINCT name FROM version ORDER BY name")]

    def move(self, version: Version, file: str) -> None:
        """Notes that the same rows are in another file now."""
        with self._journal.transaction() as connection:
            connection.execute("UPDATE version SET file = ? WHERE file = ?", (file, version.file))

    def kin(self, name: str) -> tuple[str, ...]:
        """Other names under which rows of this one may be, or have been."""
        return tuple(row["name"] for row in self._journal.rows(_KIN, (name, name)))

    def files(self) -> set[str]:
        """Files that count."""
        return {row["file"] for row in self._journal.rows("SELECT file FROM version WHERE pruned IS NULL")}

    def add(
        self,
        name: str,
        *,
        after: int,
        digest: bytes,
        rows: int,
        schema: TableSchema,
        keyed: bool,
        source: str,
        file: str,
        cursor: str | None = None,
    ) -> None:
        """Makes a file, complete on disk, the newest version of a name.

        Args:
            after: number of the version it was made from, or in place of; 0 where the name is new.
            cursor: how far the source was read; kept for `cursor`.

        Raises:
            DatasetChangedError: another process was faster.
        """
        document = to_canonical(schema.model_dump(mode="json", exclude_none=True)).decode()
        with self._journal.transaction() as connection:
            found = connection.execute("SELECT coalesce(max(number), 0) FROM version WHERE name = ?", (name,))
            if found.fetchone()[0] != after:
                raise DatasetChangedError(name)
            values = (name, after + 1, digest, rows, document, keyed, source, _now(), file)
            connection.execute("INSERT INTO version VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)", values)
            if cursor is not None:
                self.reach(name, source, cursor)

    def prune(self, name: str, numbers: Iterable[int]) -> None:
        """Notes that the rows of these versions go; their files do not count any more."""
        with self._journal.transaction() as connection:
            connection.executemany(
                "UPDATE version SET pruned = ? WHERE name = ? AND number = ? AND pruned IS NULL",
                [(_now(), name, number) for number in numbers],
            )

    def last_number(self, name: str) -> int:
        """Number of the newest version, there or not; 0 where there never was one."""
        row = self._journal.row("SELECT coalesce(max(number), 0) AS number FROM version WHERE name = ?", (name,))
        assert row is not None  # an aggregate has a row
        return int(row["number"])

    def cursor(self, name: str, source: str) -> str | None:
        """How far a source was read into a dataset; None where it never was."""
        row = self._journal.row("SELECT cursor FROM reached WHERE name = ? AND source = ?", (name, source))
        return None if row is None else row["cursor"]

    def reach(self, name: str, source: str, cursor: str) -> None:
        """Notes how far a source was read into a dataset."""
        with self._journal.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO reached VALUES (?, ?, ?)", (name, source, cursor))

    def forget_cursors(self, name: str) -> None:
        """Sources are read into a dataset from their beginning again."""
        with self._journal.transaction() as connection:
            connection.execute("DELETE FROM reached WHERE name = ?", (name,))

    def close(self) -> None:
        """Closes the file."""
        self._journal.close()


def _version(row: Row) -> Version:
    return Version(
        name=row["name"],
        number=row["number"],
        digest=row["digest"],
        rows=row["rows"],
        schema=TableSchema.parse(json.loads(row["schema"])),
        keyed=bool(row["keyed"]),
        source=row["source"],
        at=datetime.fromisoformat(row["at"]),
        file=row["file"],
        pruned=row["pruned"] and datetime.fromisoformat(row["pruned"]),
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
