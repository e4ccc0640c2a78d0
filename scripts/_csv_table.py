"""Reads a CSV file for the demo: infers the type of each column, and names the cell if something is wrong.

The last column is the Output. Types come from the values alone: whole numbers, numbers, booleans, or classes.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from sonar_core.base.errors import SonarError
from sonar_core.data import csv_reader
from sonar_core.data.row_errors import RowError

#: A column of at most this many different texts, and an Output of so many whole numbers, is read as classes.
MOST_CLASSES = 20
FEWEST_ROWS, FEWEST_COLUMNS = 50, 2
#: Cells that say "no value here".
_EMPTY = frozenset(("", "na", "n/a", "nan", "null", "none", "?"))
_BOOLEANS = {"true": True, "false": False}
#: First columns of these names (any case), or of none, that merely count the rows are left out.
_INDEX_NAMES = frozenset(("", "unnamed: 0", "index", "id", "row", "rownames", "row_names", "nr", "no", "#"))
_LARGEST_INTEGER = 2**53 - 1
#: Up to this share of texts, a column counts as numbers with mistakes.
_MISTAKES = 0.2
_SHOWN_COLUMNS = 4

_WHOLE = re.compile(r"[+-]?\d+")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+")
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}([T ].*)?|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}")
_WITH_SIGN = re.compile(r"[€$£¥]\s*[\d.,]+|[\d.,]+\s*[€$£¥%]")


class TableError(SonarError, ValueError):
    """A file that holds no usable table; says where it goes wrong and what to do."""


@dataclass(frozen=True, slots=True)
class CsvTable:
    """A table, the Table Schema that was inferred from it, and remarks for its owner.

    Attributes:
        frame: one row per record; the Output is the last column.
        fields: a Table Schema's fields, one per column.
        remarks: sentences on what was left out or may surprise.
    """

    frame: pd.DataFrame
    fields: list[dict[str, Any]]
    remarks: list[str]


@dataclass(frozen=True, slots=True)
class _Column:
    """The cells of one column as texts, with the line of the file that each stands on."""

    path: Path
    name: str
    cells: list[str]
    lines: Sequence[int]

    def wrong_cell(self, row: int, why: str) -> RowError:
        return RowError(row + 1, self.name, why, line=self.lines[row], source=str(self.path))

    def wrong(self, why: str) -> TableError:
        return TableError(f"{self.path}, column {self.name!r}: {why}")


def read_csv_table(path: Path) -> CsvTable:
    """Reads a CSV file (RFC 4180, UTF-8, commas, a header line), the Output in its last column.

    Raises:
        TableError: it is no such file, has cells that are empty, or a column that cannot be used.
        RowError: a cell or a row that does not fit with the others; names row, line and column.
    """
    columns, remarks = _without_index(_read(path))
    if len(columns) < FEWEST_COLUMNS or len(columns[0].cells) < FEWEST_ROWS:
        rows = len(columns[0].cells) if columns else 0
        raise TableError(
            f"{path}: {rows} rows x {len(columns)} columns; at least {FEWEST_ROWS} x {FEWEST_COLUMNS} are needed, "
            "the Output in the last column"
        )
    _require_filled(path, columns)
    values, fields = {}, []
    for column in columns:
        is_output = column is columns[-1]
        if len(set(column.cells)) == 1:
            if is_output:
                raise column.wrong(f"the Output is {column.cells[0]!r} in every row: there is nothing to learn")
            remarks.append(f"Column {column.name!r} is {column.cells[0]!r} in every row: left out.")
            continue
        parsed = _parse(column)
        field = infer_field(column.name, pd.Series(parsed), is_output=is_output)
        if is_output and field["type"] == "integer" and "enum" not in field["constraints"]:
            remarks.append(
                f"Output {column.name!r} has {len(set(parsed))} different whole numbers: a number is predicted "
                f"(up to {MOST_CLASSES} are read as classes)."
            )
        values[column.name] = parsed
        fields.append(field)
    if len(fields) < FEWEST_COLUMNS:
        raise TableError(f"{path}: every Input is the same in all rows: there is nothing to learn from")
    return CsvTable(pd.DataFrame(values), fields, remarks)


def infer_field(name: str, column: pd.Series[Any], *, is_output: bool) -> dict[str, Any]:
    """The Table Schema's field of a column: a boolean, classes, or a number with the range of its values.

    Whole numbers are classes if they are an Output of at most `MOST_CLASSES` different ones.
    """
    if pd.api.types.is_bool_dtype(column):
        return {"name": name, "type": "boolean", "constraints": {"required": True}}
    numeric, whole = pd.api.types.is_numeric_dtype(column), pd.api.types.is_integer_dtype(column)
    if not numeric or (is_output and whole and column.nunique() <= MOST_CLASSES):
        values = [value.item() if hasattr(value, "item") else value for value in sorted(column.unique())]
        constraints = {"required": True, "enum": values}
        return {"name": name, "type": "integer" if numeric else "string", "constraints": constraints}
    low, high = column.min().item(), column.max().item()
    constraints = {"required": True, "minimum": low, "maximum": high if high > low else low + 1}
    return {"name": name, "type": "integer" if whole else "number", "constraints": constraints}


def _read(path: Path) -> list[_Column]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TableError(f"{path}: cannot be read: {error.strerror}") from error
    _require_utf8(path, data)
    table = csv_reader.CsvTable(io.BytesIO(data), str(path))
    header = [name.strip() for name in table.header]
    _require_header(path, header)
    rows = list(table.rows())
    for row in rows:
        if row.error is not None:
            raise RowError(row.number, None, row.error, line=row.line, source=str(path))
    lines = [row.line for row in rows]
    return [_Column(path, name, [row.cells[index].strip() for row in rows], lines) for index, name in enumerate(header)]


def _require_utf8(path: Path, data: bytes) -> None:
    try:
        if b"\0" not in data:
            data.decode("utf-8-sig")
            return
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise TableError(f"{path}, line {line}: is not UTF-8 text: save it as CSV in UTF-8") from None
    raise TableError(f"{path}: is not UTF-8 text (a spreadsheet, or UTF-16): save it as CSV in UTF-8")


def _require_header(path: Path, header: list[str]) -> None:
    if not any(header):
        raise TableError(f"{path}: is empty: a CSV file starts with a line of column names")
    for separator, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")):
        if len(header) == 1 and separator in header[0]:
            raise TableError(
                f"{path}: its columns are separated by {name}: save it with commas between columns, "
                "and a point in decimal numbers"
            )
    for index, name in enumerate(header):
        if not name and index:
            what = "the last column, which is the Output," if index == len(header) - 1 else f"column {index + 1}"
            raise TableError(f"{path}: {what} has no name in the header: give it one")
        if header.count(name) > 1:
            raise TableError(f"{path}, column {name!r}: named twice in the header: rename or leave out one of them")


def _without_index(columns: list[_Column]) -> tuple[list[_Column], list[str]]:
    """The columns without a first one that merely counts the rows, and the remark on it."""
    first = columns[0]
    counts = any(first.cells == [str(start + row) for row in range(len(first.cells))] for start in (0, 1))
    if counts and first.cells and first.name.lower() in _INDEX_NAMES:
        return columns[1:], [f"Column 1 ({first.name or 'without a name'}) only counts the rows: left out."]
    if not first.name:
        raise TableError(f"{first.path}: column 1 has no name in the header: give it one, or leave it out")
    return columns, []


def _require_filled(path: Path, columns: list[_Column]) -> None:
    """Raises TableError if cells are empty: how many, in which columns, and what to do."""
    missing = [[cell.lower() in _EMPTY for cell in column.cells] for column in columns]
    counts = {column.name: sum(cells) for column, cells in zip(columns, missing, strict=True) if any(cells)}
    if not counts:
        return
    rows = len(columns[0].cells)
    complete = sum(not any(row) for row in zip(*missing, strict=True))
    worst = sorted(counts, key=lambda name: -counts[name])
    shown = ", ".join(f"{name!r:.60} {counts[name]:,} ({counts[name] / rows:.0%})" for name in worst[:_SHOWN_COLUMNS])
    more = f" and {len(worst) - _SHOWN_COLUMNS} more" if len(worst) > _SHOWN_COLUMNS else ""
    raise TableError(
        f"{path}: {sum(counts.values()):,} cells in {len(counts)} of {len(columns)} columns are empty: {shown}{more}. "
        f"Leave out the columns that are mostly empty, then fill in the rest or leave out those rows "
        f"({complete:,} of {rows:,} rows are complete now)"
    )


def _parse(column: _Column) -> list[Any]:
    """The cells as booleans, integers, floats or texts, all of one type."""
    cells = column.cells
    if all(cell.lower() in _BOOLEANS for cell in cells):
        return [_BOOLEANS[cell.lower()] for cell in cells]
    numbers = [_number(cell) for cell in cells]
    odd = [row for row, number in enumerate(numbers) if number is None]
    if not odd:
        return _checked_numbers(column, [number for number in numbers if number is not None])
    if len(set(cells)) <= MOST_CLASSES:
        return cells
    if len(odd) <= _MISTAKES * len(cells):
        others = f" (and {len(odd) - 1} more)" if len(odd) > 1 else ""
        raise column.wrong_cell(odd[0], f"{cells[odd[0]]!r:.60} is not a number, as most of this column are{others}")
    raise column.wrong(_why_not_numbers(cells, cells[odd[0]]))


def _number(cell: str) -> float | None:
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def _checked_numbers(column: _Column, numbers: list[float]) -> list[float] | list[int]:
    for row, number in enumerate(numbers):
        if not math.isfinite(number):
            raise column.wrong_cell(row, f"{column.cells[row]!r} is not a finite number")
    if not all(_WHOLE.fullmatch(cell) for cell in column.cells):
        return numbers
    wholes = [int(cell) for cell in column.cells]
    for row, whole in enumerate(wholes):
        if abs(whole) > _LARGEST_INTEGER:
            raise column.wrong_cell(
                row, f"{whole} is not a whole number of at most 15 digits: if the column holds ids, leave it out"
            )
    return wholes


def _why_not_numbers(cells: list[str], odd: str) -> str:
    """Advice on a column of many different texts, by the form of the first one."""
    shown = repr(odd) if len(odd) <= 40 else repr(odd[:37] + "...")
    commas = [cell for cell in cells if "," in cell]
    if _THOUSANDS.fullmatch(odd) and all(_THOUSANDS.fullmatch(cell) for cell in commas):
        return f"{shown} has commas between the thousands: write {odd.replace(',', '')}"
    if _DECIMAL_COMMA.fullmatch(odd):
        return f"{shown} has a decimal comma: write {odd.replace(',', '.')}"
    if _WITH_SIGN.fullmatch(odd):
        return f"{shown} holds a sign beside its number: write the number alone, and the unit in the column's name"
    if _DATE.fullmatch(odd):
        return f"{shown} is a date: make a number of it (days since a first day, a year, an age) or leave it out"
    return (
        f"it holds {len(set(cells)):,} different texts, such as {shown}; "
        f"numbers, or at most {MOST_CLASSES} values, are needed: group them, or leave it out"
    )
