"""CSV files (RFC 4180, UTF-8, with a header): one file, a folder, or a .zip archive."""

from __future__ import annotations

from collections.abc import Iterator

from ape_mine.datasets.adapters.base import Record, Request, SchemaGiven
from ape_mine.datasets.adapters.bounded_files import FileSource
from ape_mine.errors import SourceError
from sonar_core.data.csv_reader import CsvError, CsvTable


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
    names = [*(request.given.names if request.given else ()), *([request.key] if request.key else [])]
    try:
        with source.open(name) as file:
            table = CsvTable(file, where, names)
            for row in table.rows():
                if row.error is None:
                    yield dict(zip(table.header, row.cells, strict=True)), None
                else:
                    yield {}, f"{row.error} (line {row.line})"
    except CsvError as error:
        raise SourceError(where, error.why) from None
