"""Catalog of all versions of all datasets, pruned ones included, in one SQLite file.

A file that the catalog does not list is not part of a dataset: a killed process left it. The catalog never forgets a
version, so that privacy spent on some rows is charged to every name under which the same rows come back.
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
#: Transitive closure of names that share a version, that is the same rows.
_KIN = """WITH RECURSIVE kin (name) AS (
    SELECT ?
    UNION
    SELECT other.name FROM kin JOIN version AS own ON own.name = kin.name JOIN version AS other USING (digest)
) SELECT name FROM kin WHERE name <> ? ORDER BY name"""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a dataset.

    Attributes:
        name: of the dataset.
        number: counted from 1.
        digest: of rows and schema, 32 bytes.
        rows: number of rows.
        schema: of its columns.
        keyed: whether each row has an id from its source.
        source: description of the rows' origin.
        at: time of the import, UTC.
        file: the Parquet file, relative to the store's folder.
        pruned: time when the rows were deleted; None if they were not.
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
        JournalError: the file is no catalog, or cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _MIGRATIONS)

    def newest(self, name: str) -> Version | None:
        """Newest version of a name; None if none exists, or its rows were deleted."""
        history = self.history(name)
        return history[-1] if history and history[-1].pruned is None else None

    def history(self, name: str) -> list[Version]:
        """All versions of a name, oldest first."""
        return [
            _version(row)
            for row in self._database.rows("SELECT * FROM version WHERE name = ? ORDER BY number", (name,))
        ]

    def names(self) -> list[str]:
        """Names whose newest version has its rows."""
        newest = "SELECT name, max(number) AS number FROM version GROUP BY name"
        found = self._database.rows(
            f"SELECT name FROM version JOIN ({newest}) USING (name, number) WHERE pruned IS NULL ORDER BY name"  # noqa: S608 - constants
        )
        return [row["name"] for row in found]

    def all_names(self) -> list[str]:
        """All names that were ever used."""
        return [row["name"] for row in self._database.rows("SELECT DISTINCT name FROM version ORDER BY name")]

    def move(self, version: Version, file: str) -> None:
        """Records that a version's rows are in another file now."""
        with self._database.transaction() as connection:
            connection.execute("UPDATE version SET file = ? WHERE file = ?", (file, version.file))

    def kin(self, name: str) -> tuple[str, ...]:
        """Other names under which rows of this one are, or were, stored."""
        return tuple(row["name"] for row in self._database.rows(_KIN, (name, name)))

    def files(self) -> set[str]:
        """Names of the files that hold rows."""
        return {row["file"] for row in self._database.rows("SELECT file FROM version WHERE pruned IS NULL")}

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
        """Lists a file, complete on disk, as the newest version of a name.

        Args:
            after: number of the version that was the newest when the file was made; 0 for a new name.
            cursor: position in the source, for the next import.

        Raises:
            DatasetChangedError: another process added a version meanwhile.
        """
        document = to_canonical(schema.model_dump(mode="json", exclude_none=True)).decode()
        with self._database.transaction() as connection:
            found = connection.execute("SELECT coalesce(max(number), 0) FROM version WHERE name = ?", (name,))
            if found.fetchone()[0] != after:
                raise DatasetChangedError(name)
            values = (name, after + 1, digest, rows, document, keyed, source, _now(), file)
            connection.execute("INSERT INTO version VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)", values)
            if cursor is not None:
                self.set_cursor(name, source, cursor)

    def prune(self, name: str, numbers: Iterable[int]) -> None:
        """Records that the rows of these versions are deleted."""
        with self._database.transaction() as connection:
            connection.executemany(
                "UPDATE version SET pruned = ? WHERE name = ? AND number = ? AND pruned IS NULL",
                [(_now(), name, number) for number in numbers],
            )

    def last_number(self, name: str) -> int:
        """Number of the newest version, pruned or not; 0 if none exists."""
        row = self._database.row("SELECT coalesce(max(number), 0) AS number FROM version WHERE name = ?", (name,))
        assert row is not None  # an aggregate has a row
        return int(row["number"])

    def cursor(self, name: str, source: str) -> str | None:
        """Position up to which a source was imported into a dataset; None if it never was."""
        row = self._database.row("SELECT cursor FROM reached WHERE name = ? AND source = ?", (name, source))
        return None if row is None else row["cursor"]

    def set_cursor(self, name: str, source: str, cursor: str) -> None:
        """Records the position up to which a source was imported into a dataset."""
        with self._database.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO reached VALUES (?, ?, ?)", (name, source, cursor))

    def forget_cursors(self, name: str) -> None:
        """Lets the next import of each source start from its beginning."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM reached WHERE name = ?", (name,))

    def close(self) -> None:
        """Closes the file."""
        self._database.close()


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
