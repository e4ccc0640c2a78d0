"""Table Schema files: reading one, and drafting one from a CSV file."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

from ape_mine.errors import DatasetFileError
from sonar_core.base.errors import SchemaError
from sonar_core.data.csv_reader import CsvError, CsvTable
from sonar_core.data.table_schema import TableSchema
from syft.bounded_json import parse_json

_LARGEST_SCHEMA = 4 << 20
#: Rows that a draft looks at, and the largest number of different texts that become an enum.
_DRAFT_ROWS, _DRAFT_VALUES = 100_000, 32
#: Placeholder of a draft for a bound that its author must choose; no schema with it is accepted.
TO_BE_CHOSEN = "?"


def read_schema(path: Path) -> TableSchema:
    """The Table Schema in a JSON file.

    Raises:
        SchemaError: not a schema that Sonar accepts; names the field and the rule that it breaks.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(_LARGEST_SCHEMA + 1)
    if len(data) > _LARGEST_SCHEMA:
        raise SchemaError(f"{path} has more than {_LARGEST_SCHEMA} bytes")
    try:
        document = parse_json(data.decode("utf-8"))
    except ValueError:
        raise SchemaError(f"{path} is not JSON") from None
    try:
        return TableSchema.parse(document)
    except SchemaError as error:
        raise SchemaError(f"{path}: {error.why}") from None


def draft_schema(path: Path) -> dict[str, Any]:
    """Drafts a Table Schema from the first 100,000 rows of a CSV file.

    Types are inferred. Ranges of numbers and lengths of texts are `TO_BE_CHOSEN`: they should bound what is possible,
    not what the file happens to hold. Columns with empty cells are reported by the import, not here.

    Raises:
        DatasetFileError: not a CSV file with a header and a row.
    """
    if not path.is_file():
        raise DatasetFileError(path, "is a folder: name a file" if path.is_dir() else "no such file")
    try:
        with path.open("rb") as file:
            table = CsvTable(file, str(path))
            columns: list[dict[str, None]] = [{} for _ in table.header]
            for row in islice(table.rows(), _DRAFT_ROWS):
                for column, cell in zip(columns, row.cells, strict=False):
                    column.setdefault(cell)
    except CsvError as error:
        raise DatasetFileError(path, error.why) from None
    if not any(columns):
        raise DatasetFileError(path, "has no rows")
    return {"fields": [_draft_field(name, list(values)) for name, values in zip(table.header, columns, strict=True)]}


def _draft_field(name: str, values: list[str]) -> dict[str, Any]:
    cells = [value for value in values if value]
    if cells and all(value.lower() in ("true", "false") for value in cells):
        return {"name": name, "type": "boolean"}
    for kind, parse in (("integer", int), ("number", float)):
        if cells and all(_parses(value, parse) for value in cells):
            return {"name": name, "type": kind, "constraints": {"minimum": TO_BE_CHOSEN, "maximum": TO_BE_CHOSEN}}
    if 2 <= len(cells) <= _DRAFT_VALUES:
        return {"name": name, "type": "string", "constraints": {"enum": sorted(cells)}}
    return {"name": name, "type": "string", "constraints": {"maxLength": TO_BE_CHOSEN}}


def _parses(text: str, parse: type[int] | type[float]) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True
