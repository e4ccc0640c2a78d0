"""Tables of any form as data frames whose cells keep a Table Schema."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pandera.errors
import pandera.pandas as pa
from numpy.typing import ArrayLike

from sonar_core.data.row_errors import ColumnError, RowError, RowErrorCollector
from sonar_core.data.table_schema import SAFE_INTEGER, TableField, TableSchema, require_columns

#: A data frame, a mapping of columns, or an array of shape (rows, fields) in the schema's order.
Table = pd.DataFrame | Mapping[str, ArrayLike] | ArrayLike

_TEXTS_OF = {True: ("true", "True", "TRUE", "1"), False: ("false", "False", "FALSE", "0")}
_BOOLEANS = {text: float(value) for value, texts in _TEXTS_OF.items() for text in texts}
_DTYPES = {"integer": np.int64, "boolean": np.bool_, "number": np.float64, "string": object}
_NUMBER_WITH_COMMA = re.compile(r"\s*[-+]?[0-9.]*,[0-9.,]*\s*")
_MOST_VALUES_LISTED, _LONGEST_CELL_SHOWN = 8, 40


def to_frame(schema: TableSchema, table: Table) -> pd.DataFrame:
    """The table as a data frame.

    Raises:
        ColumnError: an array of another width.
        RowError: columns of different length.
    """
    if isinstance(table, pd.DataFrame):
        return table
    if isinstance(table, Mapping):
        columns = {name: _column(values) for name, values in table.items()}
        shortest = min(columns, key=lambda name: len(columns[name]), default="")
        longest = max((len(column) for column in columns.values()), default=0)
        if columns and len(columns[shortest]) < longest:
            row = len(columns[shortest]) + 1
            raise RowError(row, shortest, f"no value here, but other columns have {longest} rows")
        return pd.DataFrame(columns)
    array = np.asarray(table)
    if array.ndim == 1 and len(schema.fields) == 1:
        array = array[:, None]
    if array.ndim != 2 or array.shape[1] != len(schema.fields):
        raise ColumnError(
            schema.names[-1], f"the schema has {len(schema.fields)} columns, the array has shape {array.shape}"
        )
    return pd.DataFrame(array, columns=list(schema.names))


def check_table(
    schema: TableSchema,
    table: Table,
    *,
    lines: Sequence[int] | None = None,
    source: str | None = None,
    ranges: bool = True,
    rows: Sequence[int] | None = None,
    errors: RowErrorCollector | None = None,
) -> pd.DataFrame:
    """The table's columns of the schema, in its order: float64, int64, bool, and texts.

    A text is read as in a CSV file ("1.5", "true"); columns beyond the schema are left out.

    Args:
        schema: the schema that every cell has to keep.
        table: the rows.
        lines: line of the file that each row ends on.
        source: name of the table in errors.
        ranges: False accepts numbers beyond minimum and maximum and texts beyond maxLength, for a caller that clips.
        rows: number of each row in errors; by default they are counted from 1.
        errors: collects the wrong cells; their rows are left out, and the frame's index says which rows stayed.

    Raises:
        ColumnError: a column is missing.
        RowError: the first cell that breaks the schema, if no `errors` are given.
    """
    frame = to_frame(schema, table)
    for name in schema.names:
        if name not in frame.columns:
            require_columns([name], [str(column) for column in frame.columns], source)
    parsed = pd.DataFrame({field.name: _parse(field, frame[field.name]) for field in schema.fields})
    rules = pa.DataFrameSchema({field.name: _rules(field, ranges) for field in schema.fields}, unique_column_names=True)
    try:
        rules.validate(parsed, lazy=True)
    except pandera.errors.SchemaErrors as error:
        wrong = _wrong_cells(schema, error.failure_cases)
        report = _CellReport(schema, frame, lines, source, rows)
        if errors is None:
            raise report.error(*wrong[0]) from None
        errors.add([report.error(*cell) for cell in wrong])
        parsed = parsed.drop(index=sorted({row for row, _ in wrong}))
    return parsed.astype({field.name: _DTYPES[field.type] for field in schema.fields})


def _wrong_cells(schema: TableSchema, cases: pd.DataFrame) -> list[tuple[int, int]]:
    """Row and column, from 0, of each cell that pandera found wrong, in the table's order."""
    cells = zip(cases["index"], cases["column"], strict=True)
    return sorted({(int(index), schema.names.index(column)) for index, column in cells})


@dataclass(frozen=True, slots=True)
class _CellReport:
    """Makes the error for a cell of a table."""

    schema: TableSchema
    frame: pd.DataFrame
    lines: Sequence[int] | None
    source: str | None
    rows: Sequence[int] | None

    def error(self, row: int, column: int) -> RowError:
        field = self.schema.fields[column]
        cell = self.frame[field.name].iloc[row]
        why = f"{_shown(cell)} is not {_wanted(field)}{_remedy(field, cell)}"
        line = self.lines[row] if self.lines is not None else None
        number = self.rows[row] if self.rows is not None else row + 1
        return RowError(number, field.name, why, line=line, source=self.source)


def _column(values: ArrayLike) -> pd.Series[Any]:
    """A column whose cells keep their types: neither numpy nor pandas guesses at those of a list."""
    if isinstance(values, np.ndarray | pd.Series | pd.Index):
        return pd.Series(values).reset_index(drop=True)
    return pd.Series(values if isinstance(values, list | tuple) else [values], dtype=object)


def _parse(field: TableField, column: pd.Series[Any]) -> pd.Series[Any]:
    """Numbers and booleans as float64, texts as they are; NaN or None if a cell is of another type."""
    cells = column.reset_index(drop=True)
    if field.type == "string":
        return pd.Series([cell if isinstance(cell, str) else None for cell in cells], dtype=object)
    if cells.dtype.kind in ("b" if field.type == "boolean" else "iuf"):
        return cells.astype(np.float64)
    parse = _parse_boolean if field.type == "boolean" else _parse_number
    return pd.Series([parse(cell) for cell in cells.astype(object)], dtype=np.float64)


def _parse_boolean(cell: object) -> float:
    if isinstance(cell, bool | np.bool_) or (isinstance(cell, int | float | np.number) and cell in (0, 1)):
        return float(cell)
    return _BOOLEANS.get(cell.strip(), np.nan) if isinstance(cell, str) else np.nan


def _parse_number(cell: object) -> float:
    if isinstance(cell, bool | np.bool_) or not isinstance(cell, int | float | str | np.integer | np.floating):
        return np.nan
    try:
        # float() would take the underscores of Python's own numbers.
        return np.nan if isinstance(cell, str) and "_" in cell else float(cell)
    except (ValueError, OverflowError):
        return np.nan


def _rules(field: TableField, ranges: bool) -> pa.Column:
    checks = [pa.Check(lambda cells: np.isfinite(cells), name="finite")] if field.type != "string" else []
    if field.type == "integer":
        checks.append(pa.Check(lambda cells: (cells == np.rint(cells)) & (abs(cells) <= SAFE_INTEGER), name="whole"))
    if field.constraints.enum:
        checks.append(pa.Check.isin(list(field.constraints.enum)))
    elif field.is_text:
        longest = field.constraints.maxLength if ranges else None
        checks.append(pa.Check(lambda cells: cells.map(lambda cell: _is_text(cell, longest)).astype(bool), name="text"))
    elif ranges and field.type in ("number", "integer"):
        checks.append(pa.Check.in_range(*field.bounds))
    return pa.Column(object if field.type == "string" else np.float64, checks, nullable=False)


def _is_text(cell: object, longest: int | None) -> bool:
    """True for a text that is not empty, has at most `longest` code points, and no half of a surrogate pair."""
    if not isinstance(cell, str) or not cell or (longest is not None and len(cell) > longest):
        return False
    try:
        cell.encode()
    except UnicodeEncodeError:
        return False
    return True


def _wanted(field: TableField) -> str:
    if field.constraints.enum:
        values = ", ".join(str(value) for value in field.constraints.enum[:_MOST_VALUES_LISTED])
        return f"one of {values}{', ...' if len(field.constraints.enum) > _MOST_VALUES_LISTED else ''}"
    if field.type == "boolean":
        return "true or false"
    if field.is_text:
        return f"a text of 1 to {field.constraints.maxLength} letters"
    kind = "a whole number" if field.type == "integer" else "a number"
    return f"{kind} between {field.constraints.minimum} and {field.constraints.maximum}"


def _remedy(field: TableField, cell: object) -> str:
    if _is_empty(cell):
        return ": fill it in, or leave the row out"
    if field.values is None and isinstance(cell, str) and _NUMBER_WITH_COMMA.fullmatch(cell):
        return ": write decimals with a point, and thousands without a comma"
    return ""


def _is_empty(cell: object) -> bool:
    return cell is None or cell == "" or (isinstance(cell, float) and bool(np.isnan(cell)))


def _shown(cell: object) -> str:
    if _is_empty(cell):
        return "an empty cell"
    text = repr(cell.item() if isinstance(cell, np.generic) else cell)
    return text if len(text) <= _LONGEST_CELL_SHOWN else text[: _LONGEST_CELL_SHOWN - 3] + "..."
