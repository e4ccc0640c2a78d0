"""CSV files: RFC 4180, UTF-8, a line of column names first."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from sonar_core.base.errors import FormatError
from sonar_core.data.row_errors import RowError, RowErrorCollector
from sonar_core.data.table_schema import TableSchema, require_columns

if TYPE_CHECKING:
    import pandas as pd

_OTHER_SEPARATORS = (";", "\t", "|")
#: Byte order marks of encodings that spreadsheets write beside UTF-8.
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")


class CsvError(FormatError):
    """A file that is no CSV table in UTF-8."""


class CsvRow(NamedTuple):
    """One row: its number from 1, the line it ends on, and its cells, or what is wrong with the row as a whole."""

    number: int
    line: int
    cells: list[str]
    error: str | None = None


class CsvTable:
    """The header and the rows of a CSV file.

    Args:
        file: open for reading bytes; read in one pass.
        source: name of the file in errors.
        names: columns that the file must have, each once.

    Attributes:
        header: the column names.

    Raises:
        CsvError: not UTF-8 text, empty, or cells that are separated by something else than commas.
        ColumnError: a column is missing, or named twice.
    """

    def __init__(self, file: BinaryIO, source: str, names: Iterable[str] = ()) -> None:
        self._source = source
        self._reader = csv.reader(io.TextIOWrapper(file, "utf-8-sig", newline=""), strict=True)
        try:
            header = next(self._reader, None)
        except UnicodeDecodeError as error:
            raise self._not_utf8(error) from None
        except csv.Error as error:
            raise CsvError(source, f"the header is no line of CSV: {error}") from None
        if header is None:
            raise CsvError(source, "the file is empty: a CSV file starts with a line of column names")
        self.header = header
        names = list(names)
        if len(header) == 1 and header[0] not in names:
            for separator in _OTHER_SEPARATORS:
                if names and separator in header[0]:
                    why = f"the cells are separated by {separator!r}: save the file with commas between them"
                    raise CsvError(source, f"{why} (header: {header[0]!r:.80})")
        require_columns(names, header, source)

    def rows(self) -> Iterator[CsvRow]:
        """The rows that are not blank. A quote that is never closed makes the last one wrong.

        Raises:
            CsvError: not UTF-8 text.
        """
        number, width = 1, len(self.header)
        try:
            for cells in self._reader:
                if not cells:
                    continue
                wrong = None if len(cells) == width else f"{len(cells)} cells, but the header has {width}"
                yield CsvRow(number, self._reader.line_num, cells, wrong)
                number += 1
        except UnicodeDecodeError as error:
            raise self._not_utf8(error) from None
        except csv.Error as error:
            yield CsvRow(number, self._reader.line_num, [], str(error))

    def _not_utf8(self, error: UnicodeDecodeError) -> CsvError:
        kind = "UTF-16" if error.start == 0 and error.object.startswith(_UTF_16_MARKS) else "not UTF-8"
        return CsvError(self._source, f"the text is {kind}: save the file as CSV in UTF-8")


def read_csv(path: Path, schema: TableSchema, *, most_rows: int = 10_000_000) -> pd.DataFrame:
    """The columns of a CSV file that the schema names, checked.

    Raises:
        CsvError: the file is no CSV table in UTF-8.
        ColumnError: a column is missing from the header, or named twice.
        RowError: a row of another length than the header, or a cell that breaks the schema; names row, line and column.
        OSError: the file cannot be read.
    """
    from sonar_core.data.cells import check_table

    frames = list(csv_frames(path, schema, rows_at_once=most_rows, most_rows=most_rows))
    return frames[0] if frames else check_table(schema, {name: [] for name in schema.names})


def csv_frames(
    path: Path,
    schema: TableSchema,
    *,
    rows_at_once: int,
    most_rows: int | None = None,
    errors: RowErrorCollector | None = None,
) -> Iterator[pd.DataFrame]:
    """As `read_csv`, in frames of at most `rows_at_once` rows, in bounded memory. Rows are numbered throughout.

    Args:
        path: the file.
        schema: the columns.
        rows_at_once: most rows of a frame.
        most_rows: rows after which reading stops.
        errors: collects wrong rows, which are left out; without it the first one is raised.
    """
    import pandas as pd

    from sonar_core.data.cells import check_table

    with path.open("rb") as file:
        table = CsvTable(file, str(path), schema.names)
        indices = {name: table.header.index(name) for name in schema.names}
        rows = islice(_whole_rows(table, str(path), errors), most_rows)
        while chunk := list(islice(rows, rows_at_once)):
            columns = {name: [row.cells[index] for row in chunk] for name, index in indices.items()}
            yield check_table(
                schema,
                pd.DataFrame(columns, dtype=object),
                rows=[row.number for row in chunk],
                lines=[row.line for row in chunk],
                source=str(path),
                errors=errors,
            )


def _whole_rows(table: CsvTable, source: str, errors: RowErrorCollector | None) -> Iterator[CsvRow]:
    for row in table.rows():
        if row.error is None:
            yield row
            continue
        error = RowError(row.number, None, row.error, line=row.line, source=source)
        if errors is None:
            raise error
        errors.add([error])
