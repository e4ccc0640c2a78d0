"""New rows met with those that are there: what is new is added, what changed is replaced, and nothing comes twice.

DuckDB does it, on disk where memory does not suffice: an export of years is joined with the one of last week. Rows with
an id are told apart by it. Rows without are told apart by all their cells together, counted: of a row that is there
twice and comes three times, one is new.
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

#: Of folders for what memory does not hold; one that stays was a killed process's.
SPILL_PREFIX = ".intake-"
_SETTINGS = {
    "temp_file_encryption": "true",
    "memory_limit": "1GB",
    "threads": "2",
    # Rows come from this process alone: nothing is fetched, and no extension is looked for.
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}


@dataclass(frozen=True, slots=True)
class MergeCounts:
    """What an import brings.

    Attributes:
        added: rows that were not there.
        changed: rows whose id was there, with other cells.
        same: rows that were there as they are.
    """

    added: int
    changed: int
    same: int

    @property
    def news(self) -> bool:
        return bool(self.added or self.changed)


class RowMerge:
    """Rows on their way into a dataset. Made by `open_intake`.

    Args:
        connection: an empty database.
        columns: of the rows, as `rowfiles.arrow_schema` gives them.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, columns: pa.Schema) -> None:
        self._connection = connection
        self._columns = columns
        self._keyed = columns.names[0] == ID_COLUMN
        # By place: DuckDB does not tell Age from age.
        self._names = [f"c{place}" for place in range(len(columns))]
        for table in ("standing", "fresh"):
            kinds = ", ".join(f"c{place} {_KINDS[field.type]}" for place, field in enumerate(columns))
            connection.execute(f"CREATE TABLE {table} (place BIGINT, {kinds})")
        self._places = 0

    def stand(self, batches: Iterator[pa.RecordBatch]) -> None:
        """Takes the rows that are there, in order."""
        for batch in batches:
            self._insert("standing", batch)

    def come(self, batch: pa.RecordBatch) -> None:
        """Takes rows that come in, in order; of several with one id the last one counts."""
        self._insert("fresh", batch)

    def merge(self) -> MergeCounts:
        """Compares the two; `merged` gives the outcome."""
        return self._merge_by_id() if self._keyed else self._merge_by_cells()

    def merged(self) -> Iterator[pa.RecordBatch]:
        """All rows there are now: those that were there in their order, then the new ones in theirs."""
        chosen = ", ".join(self._names)
        # The names are positions, and no text of a stranger's.
        result = self._connection.sql(f"SELECT {chosen} FROM merged ORDER BY side, place")  # noqa: S608
        for batch in result.to_arrow_reader(ROWS_AT_ONCE):
            arrays = [batch.column(place).cast(field.type) for place, field in enumerate(self._columns)]
            yield pa.RecordBatch.from_arrays(arrays, schema=self._columns)

    def _insert(self, table: str, batch: pa.RecordBatch) -> None:
        places = pa.array(range(self._places, self._places + batch.num_rows), pa.int64())
        self._places += batch.num_rows
        rows = pa.Table.from_arrays([places, *batch.columns], names=["place", *self._names])
        self._connection.register("incoming", rows)
        self._connection.execute(f"INSERT INTO {table} SELECT * FROM incoming")  # noqa: S608
        self._connection.unregister("incoming")

    def _merge_by_id(self) -> MergeCounts:
        cells = self._names[1:]
        other = " OR ".join(f"fresh.{name} IS DISTINCT FROM standing.{name}" for name in cells)
        taken = ", ".join(f"fresh.{name}" for name in cells)
        self._connection.execute("DELETE FROM fresh WHERE place NOT IN (SELECT max(place) FROM fresh GROUP BY c0)")
        self._connection.execute(f"""
            CREATE TABLE merged AS
            SELECT 0 AS side, standing.* FROM standing ANTI JOIN fresh USING (c0)
            UNION ALL SELECT 0, standing.place, c0, {taken} FROM standing JOIN fresh USING (c0)
            UNION ALL SELECT 1, fresh.* FROM fresh ANTI JOIN standing USING (c0)
        """)  # noqa: S608
        added = self._count("FROM fresh ANTI JOIN standing USING (c0)")
        changed = self._count(f"FROM fresh JOIN standing USING (c0) WHERE {other}")
        return MergeCounts(added, changed, self._count("FROM fresh") - added - changed)

    def _merge_by_cells(self) -> MergeCounts:
        cells = ", ".join(self._names)
        self._connection.execute(f"""
            CREATE TABLE merged AS
            SELECT 0 AS side, * FROM standing
            UNION ALL SELECT 1, place, {cells}
            FROM (SELECT *, row_number() OVER (PARTITION BY {cells} ORDER BY place) AS nth FROM fresh)
            LEFT JOIN (SELECT {cells}, count(*) AS times FROM standing GROUP BY {cells}) USING ({cells})
            WHERE nth > coalesce(times, 0)
        """)  # noqa: S608
        added = self._count("FROM merged WHERE side = 1")
        return MergeCounts(added, 0, self._count("FROM fresh") - added)

    def _count(self, what: str) -> int:
        # All of a result is fetched: DuckDB begins nothing else before.
        ((number,),) = self._connection.execute(f"SELECT count(*) {what}").fetchall()
        return int(number)


_KINDS = {pa.string(): "VARCHAR", pa.int64(): "BIGINT", pa.float64(): "DOUBLE", pa.bool_(): "BOOLEAN"}


@contextmanager
def open_intake(columns: pa.Schema, folder: Path) -> Iterator[RowMerge]:
    """An intake whose rows spill, encrypted, into a folder where memory does not hold them; nothing stays of it.

    Raises:
        OSError: the folder cannot be written.
    """
    # Imported late: only who imports has need of it, and every service starts here.
    import duckdb

    with tempfile.TemporaryDirectory(prefix=SPILL_PREFIX, dir=folder) as spill:
        connection = duckdb.connect(":memory:", config={"temp_directory": spill, **_SETTINGS})
        try:
            yield RowMerge(connection, columns)
        finally:
            connection.close()
