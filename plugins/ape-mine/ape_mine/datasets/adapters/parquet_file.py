"""Parquet files with columns of the Miner's choice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from ape_mine.datasets.adapters.base import Record, Request, SchemaGiven
from ape_mine.datasets.parquet_storage import ROWS_AT_ONCE, open_parquet
from ape_mine.errors import SourceError
from sonar_core.data.table_schema import require_columns


class ParquetFile(SchemaGiven):
    """One Parquet file: the columns of the schema, and the key column."""

    name = "parquet"
    summary = "a Parquet file"

    def records(self, request: Request) -> Iterator[Record]:
        columns = [*self.schema(request).names, *([request.key] if request.key else [])]
        row = 0
        try:
            with open_parquet(Path(request.location)) as file:
                require_columns(columns, file.schema_arrow.names, request.location)
                for batch in file.iter_batches(ROWS_AT_ONCE, columns=list(dict.fromkeys(columns))):
                    for cells in batch.to_pylist():
                        row += 1
                        yield Record(row, cells, _text(cells[request.key]) if request.key else None)
        except FileNotFoundError:
            raise SourceError(request.location, "no such file") from None
        except (pa.ArrowException, OSError) as error:
            raise SourceError(request.location, f"not a readable Parquet file: {error}"[:300]) from None


def _text(value: object) -> str | None:
    return None if value is None else str(value)
