"""CSV files (RFC 4180, UTF-8, with a header): one file, a folder, or a .zip archive."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from ape_mine.datasets.adapters.base import Record, Request, SchemaGiven
from ape_mine.datasets.adapters.bounded_files import FileSource
from ape_mine.errors import SourceError
from sonar_core.data.row_errors import RowErrorCollector
from sonar_core.data.table_schema import csv_records, require_columns


class CsvFile(SchemaGiven):
    """One .csv file, or all .csv files of a folder or .zip archive in natural order of their names."""

    name = "csv"
    summary = "a CSV file, or all those of a folder or .zip archive (RFC 4180, UTF-8, with a header)"

    def records(self, request: Request) -> Iterator[Record]:
        source, row = FileSource(request.location, "CSV file"), 0
        for name in source.find(r"(?i).*\.csv"):
            where = f"{request.location} {name}".strip()
            for cells, fault in _rows(source, name, where, request):
                row += 1
                yield Record(row, cells, cells.get(request.key) if request.key else None, fault)


def _rows(source: FileSource, name: str, where: str, request: Request) -> Iterator[tuple[dict[str, str], str | None]]:
    """Cells of each row by column name, or the reason why the row is wrong."""
    faults = RowErrorCollector()
    with source.open(name) as file:
        reader = csv.reader(io.TextIOWrapper(file, "utf-8-sig", newline=""), strict=True)
        try:
            header = next(reader, None)
            if header is None:
                raise SourceError(where, "is empty: a CSV file starts with a header")
            names = [*(request.given.names if request.given else ()), *([request.key] if request.key else [])]
            require_columns(names, header, where, "named twice in the header")
            for _, _, cells in csv_records(reader, len(header), where, faults):
                yield from _drained(faults)
                yield dict(zip(header, cells, strict=True)), None
            yield from _drained(faults)
        except UnicodeDecodeError:
            raise SourceError(where, "is not UTF-8 text: save it as CSV in UTF-8") from None
        except csv.Error as error:
            raise SourceError(where, f"is not CSV: {error}") from None


def _drained(faults: RowErrorCollector) -> Iterator[tuple[dict[str, str], str]]:
    while faults.errors:
        error = faults.errors.pop(0)
        yield {}, f"{error.why} (line {error.line})"
