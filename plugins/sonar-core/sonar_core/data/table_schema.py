"""Table Schemas: what a column means, and whether a table keeps to it.

A strict subset of Frictionless Table Schema (specs.frictionlessdata.io/table-schema): every field has a
known range or a known set of values, so that a row can become integers (`sonar_core.data.row_encoder`) by itself.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import pandas as pd
import pandera.errors
import pandera.pandas as pa
from numpy.typing import ArrayLike
from pydantic import (
    Field,
    FiniteFloat,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
    model_validator,
)

from sonar_core.base.errors import SchemaError
from sonar_core.base.strict_model import StrictModel, first_problem
from sonar_core.data.row_errors import ColumnError, RowError, RowErrorCollector

#: Bounds of what is accepted from a stranger.
MOST_FIELDS = 4_096
MOST_VALUES = 1_024
LONGEST_TEXT = 1 << 16
_SAFE_INTEGER = 2**53 - 1

_TEXT_OF = {True: ("true", "True", "TRUE", "1"), False: ("false", "False", "FALSE", "0")}
_BOOLEANS = {text: float(value) for value, texts in _TEXT_OF.items() for text in texts}

_SafeInteger = Annotated[StrictInt, Field(ge=-_SAFE_INTEGER, le=_SAFE_INTEGER)]
_Number = _SafeInteger | Annotated[FiniteFloat, Field(strict=True)]
_Text = Annotated[StrictStr, Field(min_length=1, max_length=256)]
_Prose = Annotated[StrictStr, Field(max_length=4_096)]


class Constraints(StrictModel):
    """What the values of a field keep to. A value is always required."""

    required: StrictBool | None = None
    minimum: _Number | None = None
    maximum: _Number | None = None
    enum: (
        Annotated[tuple[_Text | _SafeInteger, ...], Field(min_length=2, max_length=MOST_VALUES, strict=False)] | None
    ) = None
    maxLength: Annotated[StrictInt, Field(ge=1, le=LONGEST_TEXT)] | None = None  # noqa: N815 - Table Schema's word


class TableField(StrictModel):
    """One column: its name, type, range or values, and, as a custom property, the unit people read it in."""

    name: _Text
    type: Literal["number", "integer", "boolean", "string"]
    title: _Prose | None = None
    description: _Prose | None = None
    unit: Annotated[StrictStr, Field(max_length=64)] | None = None
    constraints: Constraints = Constraints()

    @model_validator(mode="after")
    def _has_known_values(self) -> Self:
        bounds, enum = (self.constraints.minimum, self.constraints.maximum), self.constraints.enum
        if self.type == "boolean" and (enum or bounds != (None, None)):
            raise ValueError("a boolean takes no minimum, maximum or enum")
        length = self.constraints.maxLength
        if self.type == "string" and ((enum is None) == (length is None) or bounds != (None, None)):
            raise ValueError(
                "a string needs constraints.enum, or as a text constraints.maxLength, and no minimum or maximum"
            )
        if self.type != "string" and length is not None:
            raise ValueError("constraints.maxLength is for strings")
        if enum:
            self._check_enum(enum, bounds)
        elif self.type in ("number", "integer"):
            self._check_bounds(*bounds)
        return self

    def _check_enum(self, enum: Sequence[str | int], bounds: tuple[object, object]) -> None:
        if self.type == "number" or bounds != (None, None):
            raise ValueError("an enum is for strings and integers, and goes without minimum and maximum")
        kind = str if self.type == "string" else int
        if not all(isinstance(value, kind) for value in enum):
            raise ValueError(f"every value of the enum must be of type {self.type}")
        if len(set(enum)) != len(enum):
            raise ValueError("the enum names a value twice")

    @staticmethod
    def _check_bounds(minimum: float | None, maximum: float | None) -> None:
        if minimum is None or maximum is None:
            raise ValueError("a number needs constraints.minimum and constraints.maximum: they fix its scale")
        if not 0 < float(maximum) - float(minimum) < float("inf"):
            raise ValueError("constraints.minimum must be below constraints.maximum")

    @property
    def is_text(self) -> bool:
        """Whether it holds free text, in code points up to its `maxLength`."""
        return self.constraints.maxLength is not None

    @property
    def values(self) -> tuple[str | int | bool, ...] | None:
        """The values the field can take, in order; None for a range or a text."""
        return (False, True) if self.type == "boolean" else self.constraints.enum

    @property
    def bounds(self) -> tuple[float, float]:
        """Minimum and maximum of a field with a range."""
        return float(self.constraints.minimum or 0), float(self.constraints.maximum or 0)


class TableSchema(StrictModel):
    """The fields of a table, in order.

    >>> TableSchema.parse({"fields": [{"name": "ward", "type": "boolean"}] * 2})
    Traceback (most recent call last):
    ...
    sonar_core.base.errors.SchemaError: Table Schema: two fields have the same name
    """

    fields: Annotated[tuple[TableField, ...], Field(min_length=1, max_length=MOST_FIELDS, strict=False)]

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        if len(set(self.names)) != len(self.names):
            raise ValueError("two fields have the same name")
        return self

    @classmethod
    def parse(cls, schema: TableSchema | Mapping[str, Any]) -> TableSchema:
        """Reads a schema from what JSON or YAML holds.

        Raises:
            SchemaError: it is not in the accepted subset; says which field and why.
        """
        if isinstance(schema, TableSchema):
            return schema
        try:
            return cls.model_validate(schema)
        except ValidationError as error:
            raise SchemaError(first_problem(error)) from None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(field.name for field in self.fields)

    def frame(self, table: Table) -> pd.DataFrame:
        """A table as a data frame; the columns of a bare array are named in the schema's order.

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
        if array.ndim == 1 and len(self.fields) == 1:
            array = array[:, None]
        if array.ndim != 2 or array.shape[1] != len(self.fields):
            raise ColumnError(
                self.names[-1],
                f"the schema has {len(self.fields)} columns, the array has shape {array.shape}",
            )
        return pd.DataFrame(array, columns=list(self.names))

    def check(
        self,
        table: Table,
        *,
        lines: Sequence[int] | None = None,
        source: str | None = None,
        ranges: bool = True,
        rows: Sequence[int] | None = None,
        faults: RowErrorCollector | None = None,
    ) -> pd.DataFrame:
        """The table's columns of this schema, in its order: float64, int64, bool, and texts.

        Texts are read as a CSV file holds them ("1.5", "true"); other columns are left out.

        Args:
            table: data frame, mapping of columns, or array of shape (rows, fields).
            lines: line of the file that each row ends on.
            source: what the table is called in errors.
            ranges: whether minimum and maximum are enforced; False leaves that to whoever clips.
            rows: number of each row in errors; counted from 1 by default.
            faults: where wrong cells are noted; their rows are left out then, and the index says which stayed.

        Raises:
            ColumnError: a column is missing.
            RowError: the first cell that breaks the schema, where no `faults` are given.
        """
        frame = self.frame(table)
        for name in self.names:
            if name not in frame.columns:
                raise ColumnError(name, "missing from the table", source=source)
        parsed = pd.DataFrame({field.name: _parse(field, frame[field.name]) for field in self.fields})
        rules = pa.DataFrameSchema(
            {field.name: _rules(field, ranges) for field in self.fields}, unique_column_names=True
        )
        try:
            rules.validate(parsed, lazy=True)
        except pandera.errors.SchemaErrors as error:
            wrong = self._wrong_cells(error.failure_cases)
            told = _Teller(self, frame, lines, source, rows)
            if faults is None:
                raise told.error(*wrong[0]) from None
            faults.note([told.error(*cell) for cell in wrong])
            parsed = parsed.drop(index=sorted({row for row, _ in wrong}))
        return pd.DataFrame({field.name: _finish(field, parsed[field.name]) for field in self.fields})

    def _wrong_cells(self, cases: pd.DataFrame) -> list[tuple[int, int]]:
        """Row and column, counted from 0, of each cell that pandera found wrong, in the table's order."""
        cells = zip(cases["index"], cases["column"], strict=True)
        return sorted({(int(index), self.names.index(column)) for index, column in cells})


@dataclass(frozen=True, slots=True)
class _Teller:
    """Says what is wrong with a cell of a table."""

    schema: TableSchema
    frame: pd.DataFrame
    lines: Sequence[int] | None
    source: str | None
    rows: Sequence[int] | None

    def error(self, row: int, place: int) -> RowError:
        field = self.schema.fields[place]
        why = f"{_shown(self.frame[field.name].iloc[row])} is not {_wanted(field)}"
        line = self.lines[row] if self.lines is not None else None
        number = self.rows[row] if self.rows is not None else row + 1
        return RowError(number, field.name, why, line=line, source=self.source)


Table = pd.DataFrame | Mapping[str, ArrayLike] | ArrayLike


def read_csv(path: Path, schema: TableSchema, *, most_rows: int = 10_000_000) -> pd.DataFrame:
    """The columns of a CSV file (RFC 4180, UTF-8, a header line) that the schema names, checked.

    Raises:
        ColumnError: no such column in the header, or two of that name.
        RowError: a row of another length than the header, or a cell that breaks the schema; says
            row, line and column.
        SchemaError: the file has no header, or is not text.
    """
    frames = list(csv_frames(path, schema, rows_at_once=most_rows, most_rows=most_rows))
    return frames[0] if frames else schema.check({name: [] for name in schema.names})


def csv_frames(
    path: Path,
    schema: TableSchema,
    *,
    rows_at_once: int,
    most_rows: int | None = None,
    faults: RowErrorCollector | None = None,
) -> Iterator[pd.DataFrame]:
    """The same, `rows_at_once` rows at a time, in flat memory; rows are counted through.

    With `faults` wrong rows are noted there and left out, but for those after a quote that is never closed.
    """
    with _readable(path), path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file, strict=True)
        header = next(reader, None)
        if header is None:
            raise SchemaError(f"{path} is empty: a CSV file starts with a line of column names")
        places = _places(header, schema, str(path))
        records = islice(csv_records(reader, len(header), str(path), faults), most_rows)
        while chunk := list(islice(records, rows_at_once)):
            columns = {name: [cells[place] for _, _, cells in chunk] for name, place in places.items()}
            rows, lines = [row for row, _, _ in chunk], [line for _, line, _ in chunk]
            table = pd.DataFrame(columns, dtype=object)
            yield schema.check(table, rows=rows, lines=lines, source=str(path), faults=faults)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError:
        raise SchemaError(f"{path} is not UTF-8 text: save it as CSV in UTF-8") from None


def _places(header: Sequence[str], schema: TableSchema, source: str) -> dict[str, int]:
    """Where the schema's columns stand in the header."""
    require_columns(schema.names, header, source, "named twice in the header")
    return {name: header.index(name) for name in schema.names}


def require_columns(names: Iterable[str], there: Sequence[str], source: str, twice: str = "there twice") -> None:
    """Raises ColumnError unless each of these columns is there once; `twice` are the words for more."""
    for name in names:
        if there.count(name) != 1:
            raise ColumnError(name, twice if name in there else "missing from the table", source=source)


def csv_records(
    reader: Any, width: int, source: str, faults: RowErrorCollector | None = None
) -> Iterator[tuple[int, int, list[str]]]:
    """Number, line it ends on, and cells of each row of a strict `csv.reader` that has any.

    Raises:
        RowError: a row of another width, or no CSV; noted where `faults` are given.
    """
    row = 1
    try:
        for cells in reader:
            if not cells:
                continue
            if len(cells) == width:
                yield row, reader.line_num, cells
            else:
                why = f"{len(cells)} cells, but the header has {width}"
                _tell(RowError(row, None, why, line=reader.line_num, source=source), faults)
            row += 1
    except csv.Error as error:
        _tell(RowError(row, None, str(error), line=reader.line_num, source=source), faults)


def _tell(error: RowError, faults: RowErrorCollector | None) -> None:
    if faults is None:
        raise error from None
    faults.note([error])


def _column(values: ArrayLike) -> pd.Series[Any]:
    """A column whose cells keep their types: neither numpy nor pandas guesses at a list's."""
    if isinstance(values, np.ndarray | pd.Series | pd.Index):
        return pd.Series(values).reset_index(drop=True)
    return pd.Series(values if isinstance(values, list | tuple) else [values], dtype=object)


def _parse(field: TableField, column: pd.Series[Any]) -> pd.Series[Any]:
    """Numbers as float64, texts as they are; NaN or None where a cell is of another type."""
    cells = column.reset_index(drop=True)
    if field.type == "string":
        return pd.Series([cell if isinstance(cell, str) else None for cell in cells], dtype=object)
    if cells.dtype.kind in "iuf" and field.type != "boolean":
        return cells.astype(np.float64)
    if cells.dtype.kind == "b" and field.type == "boolean":
        return cells.astype(np.float64)
    return pd.Series([_number(cell, field.type) for cell in cells.astype(object)], dtype=np.float64)


def _number(cell: object, kind: str) -> float:
    """A cell as a number; NaN where it is none, and where a boolean and a number are confused."""
    if kind == "boolean":
        if isinstance(cell, bool | np.bool_) or (isinstance(cell, int | float | np.number) and cell in (0, 1)):
            return float(cell)
        return _BOOLEANS.get(cell.strip(), np.nan) if isinstance(cell, str) else np.nan
    if isinstance(cell, bool | np.bool_) or not isinstance(cell, int | float | str | np.integer | np.floating):
        return np.nan
    try:
        return float(cell) if not isinstance(cell, str) or "_" not in cell else np.nan
    except (ValueError, OverflowError):
        return np.nan


def _rules(field: TableField, ranges: bool) -> pa.Column:
    checks = [pa.Check(lambda cells: np.isfinite(cells), name="finite")] if field.type != "string" else []
    if field.type == "integer":
        checks.append(pa.Check(lambda cells: (cells == np.rint(cells)) & (abs(cells) <= _SAFE_INTEGER), name="whole"))
    if field.constraints.enum:
        checks.append(pa.Check.isin(list(field.constraints.enum)))
    elif field.is_text:
        longest = field.constraints.maxLength if ranges else None
        checks.append(pa.Check(lambda cells: cells.map(lambda cell: _is_text(cell, longest)).astype(bool), name="text"))
    elif ranges and field.type in ("number", "integer"):
        checks.append(pa.Check.in_range(*field.bounds))
    return pa.Column(object if field.type == "string" else np.float64, checks, nullable=False)


def _is_text(cell: object, longest: int | None) -> bool:
    """Whether a cell has text, no longer than so many code points, and in no half of a surrogate pair."""
    if not isinstance(cell, str) or not cell or (longest is not None and len(cell) > longest):
        return False
    try:
        cell.encode()
    except UnicodeEncodeError:
        return False
    return True


def _finish(field: TableField, column: pd.Series[Any]) -> pd.Series[Any]:
    kinds = {"integer": np.int64, "boolean": np.bool_, "number": np.float64, "string": object}
    return column.astype(kinds[field.type])


def _wanted(field: TableField) -> str:
    if field.constraints.enum:
        values = ", ".join(str(value) for value in field.constraints.enum[:8])
        return f"one of {values}{', ...' if len(field.constraints.enum) > 8 else ''}"
    if field.type == "boolean":
        return "true or false"
    if field.is_text:
        return f"a text of 1 to {field.constraints.maxLength} letters"
    kind = "a whole number" if field.type == "integer" else "a number"
    return f"{kind} between {field.constraints.minimum} and {field.constraints.maximum}"


def _shown(cell: object) -> str:
    if cell is None or cell == "" or (isinstance(cell, float) and np.isnan(cell)):
        return "an empty cell"
    text = repr(cell.item() if isinstance(cell, np.generic) else cell)
    return text if len(text) <= 40 else text[:37] + "..."
