"""Merge of incoming rows into existing ones: new rows are added, changed rows replaced, duplicates dropped.

DuckDB does the join, on disk if memory does not suffice. Rows with an id are identified by it. Rows without an id are
identified by all their cells, with multiplicity: of a row that exists twice and comes in three times, one is new.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from ape_mine.datasets.parquet_storage import ID_COLUMN, ROWS_AT_ONCE

if TYPE_CHECKING:
    import duckdb

#: Prefix of folders for rows that memory does not hold; a killed process leaves its folder.
SPILL_PREFIX = ".intake-"
_SETTINGS = {
    "temp_file_encryption": "true",
    "memory_limit": "1GB",
    "threads": "2",
    # All rows come from this process: nothing is downloaded.
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}


@dataclass(frozen=True, slots=True)
class MergeCounts:
    """Result of a comparison, in rows.

    Attributes:
        added: rows that did not exist.
        changed: rows whose id existed with other cells.
        same: rows that existed unchanged.
    """

    added: int
    changed: int
    same: int

    @property
    def has_changes(self) -> bool:
        """Whether any row is new or changed."""
        return bool(self.added or self.changed)


class RowMerge:
    """One merge. Made by `open_merge`.

    Args:
        connection: an empty database.
        columns: of the rows, from `parquet_storage.arrow_schema`.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, columns: pa.Schema) -> None:
        self._connection = connection
        self._columns = columns
        self._keyed = columns.names[0] == ID_COLUMN
        # Numbered names: DuckDB's own are case-insensitive, so that Age and age would clash.
        self._names = [f"c{index}" for index in range(len(columns))]
        for table in ("existing", "incoming"):
            kinds = ", ".join(f"c{index} {_SQL_TYPES[field.type]}" for index, field in enumerate(columns))
            connection.execute(f"CREATE TABLE {table} (position BIGINT, {kinds})")
        self._rows = 0

    def add_existing(self, batches: Iterator[pa.RecordBatch]) -> None:
        """Adds the rows of the newest version, in order."""
        for batch in batches:
            self._insert("existing", batch)

    def add_incoming(self, batch: pa.RecordBatch) -> None:
        """Adds rows of the import, in order; of several with one id the last one counts."""
        self._insert("incoming", batch)

    def compare(self) -> MergeCounts:
        """Merges both; call it once, after all rows were added. `rows` gives the result."""
        return self._merge_by_id() if self._keyed else self._merge_by_cells()

    def rows(self) -> Iterator[pa.RecordBatch]:
        """The merged rows: existing ones in their order, then new ones in theirs."""
        chosen = ", ".join(self._names)
        # Column names are numbers of this module, not texts from outside.
        result = self._connection.sql(f"SELECT {chosen} FROM merged ORDER BY side, position")  # noqa: S608
        for batch in result.to_arrow_reader(ROWS_AT_ONCE):
            arrays = [batch.column(index).cast(field.type) for index, field in enumerate(self._columns)]
            yield pa.RecordBatch.from_arrays(arrays, schema=self._columns)

    def _insert(self, table: str, batch: pa.RecordBatch) -> None:
        positions = pa.array(range(self._rows, self._rows + batch.num_rows), pa.int64())
        self._rows += batch.num_rows
        rows = pa.Table.from_arrays([positions, *batch.columns], names=["position", *self._names])
        self._connection.register("batch", rows)
        self._connection.execute(f"INSERT INTO {table} SELECT * FROM batch")  # noqa: S608
        self._connection.unregister("batch")

    def _merge_by_id(self) -> MergeCounts:
        cells = self._names[1:]
        other = " OR ".join(f"incoming.{name} IS DISTINCT FROM existing.{name}" for name in cells)
        taken = ", ".join(f"incoming.{name}" for name in cells)
        self._connection.execute(
            "DELETE FROM incoming WHERE position NOT IN (SELECT max(position) FROM incoming GROUP BY c0)"
        )
        self._connection.execute(f"""
            CREATE TABLE merged AS
            SELECT 0 AS side, existing.* FROM existing ANTI JOIN incoming USING (c0)
            UNION ALL SELECT 0, existing.position, c0, {taken} FROM existing JOIN incoming USING (c0)
            UNION ALL SELECT 1, incoming.* FROM incoming ANTI JOIN existing USING (c0)
        """)  # noqa: S608
        added = self._count("FROM incoming ANTI JOIN existing USING (c0)")
        changed = self._count(f"FROM incoming JOIN existing USING (c0) WHERE {other}")
        return MergeCounts(added, changed, self._count("FROM incoming") - added - changed)

    def _merge_by_cells(self) -> MergeCounts:
        cells = ", ".join(self._names)
        self._connection.execute(f"""
            CREATE TABLE merged AS
            SELECT 0 AS side, * FROM existing
            UNION ALL SELECT 1, position, {cells}
            FROM (SELECT *, row_number() OVER (PARTITION BY {cells} ORDER BY position) AS nth FROM incoming)
            LEFT JOIN (SELECT {cells}, count(*) AS times FROM existing GROUP BY {cells}) USING ({cells})
            WHERE nth > coalesce(times, 0)
        """)  # noqa: S608
        added = self._count("FROM merged WHERE side = 1")
        return MergeCounts(added, 0, self._count("FROM incoming") - added)

    def _count(self, what: str) -> int:
        # fetchall: DuckDB starts no other query while a result is open.
        ((number,),) = self._connection.execute(f"SELECT count(*) {what}").fetchall()
        return int(number)


_SQL_TYPES = {pa.string(): "VARCHAR", pa.int64(): "BIGINT", pa.float64(): "DOUBLE", pa.bool_(): "BOOLEAN"}


@contextmanager
def open_merge(columns: pa.Schema, folder: Path) -> Iterator[RowMerge]:
    """A merge that spills rows which memory does not hold, encrypted, into a temporary folder.

    Args:
        columns: of the rows, from `parquet_storage.arrow_schema`.
        folder: where the temporary folder is made.

    Raises:
        OSError: the folder cannot be written.
    """
    # Imported here, since only imports of data need it.
    import duckdb

    with tempfile.TemporaryDirectory(prefix=SPILL_PREFIX, dir=folder) as spill:
        connection = duckdb.connect(":memory:", config={"temp_directory": spill, **_SETTINGS})
        try:
            yield RowMerge(connection, columns)
        finally:
            connection.close()
