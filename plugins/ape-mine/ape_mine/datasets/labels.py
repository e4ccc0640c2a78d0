"""A Miner's own annotation of records: a CSV file of ids and values, which an import joins to a source's records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ape_mine.datasets.adapters.base import LONGEST_ID, Record
from ape_mine.datasets.schema_file import read_schema
from ape_mine.errors import LabelError
from sonar_core.data.csv_reader import CsvError, CsvTable
from sonar_core.data.table_schema import MOST_VALUES, TableField, TableSchema

MOST_LABELS = 5_000_000


class Labels:
    """Values by id, for one join.

    Args:
        path: a CSV file with the header `id,NAME`. A Table Schema of the one field may stand beside it, named
            labels.schema.json for labels.csv; without it the occurring values become the field's enum.

    Attributes:
        field: the new column.

    Raises:
        LabelError: no such file, or a duplicate id; names the line.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        name, self._values = _read(path)
        self.field = self._field(name)
        self._left = dict.fromkeys(self._values)

    def extend(self, schema: TableSchema) -> TableSchema:
        """A source's schema with the new column. Raises LabelError if it has a column of that name."""
        if self.field.name in schema.names:
            raise LabelError(self._path, f"the source has a column {self.field.name!r} already: choose another name")
        return TableSchema(fields=(*schema.fields, self.field))

    def join(self, records: Iterable[Record]) -> Iterator[Record]:
        """Records that have a label, with the label added; others are left out.

        Raises:
            LabelError: after the last record, if a label has no record.
        """
        for record in records:
            if record.id in self._values:
                self._left.pop(record.id, None)
                yield Record(record.row, {**record.cells, self.field.name: self._values[record.id]}, record.id)
        if self._left:
            others = f" (and {len(self._left) - 1} more)" if len(self._left) > 1 else ""
            raise LabelError(self._path, f"the source has no record {next(iter(self._left))!r}{others}")

    def _field(self, name: str) -> TableField:
        beside = self._path.with_suffix(".schema.json")
        if beside.exists():
            field = read_schema(beside).fields[0]
            if field.name != name:
                raise LabelError(self._path, f"its column is {name!r}, but {beside.name} describes {field.name!r}")
            return field
        values = sorted(set(self._values.values()))
        if not 2 <= len(values) <= MOST_VALUES:
            raise LabelError(
                self._path, f"{len(values)} different labels are no classes: describe them in {beside.name}"
            )
        return TableField.model_validate({"name": name, "type": "string", "constraints": {"enum": values}})


def _read(path: Path) -> tuple[str, dict[str, str]]:
    values: dict[str, str] = {}
    try:
        with path.open("rb") as file:
            table = CsvTable(file, str(path))
            if len(table.header) != 2 or table.header[0] != "id":
                raise LabelError(path, "the header must be id,NAME with the name of the label's column")
            for row in table.rows():
                if row.error is not None:
                    raise LabelError(path, f"line {row.line}: {row.error}")
                identity, value = row.cells
                if identity in values:
                    raise LabelError(path, f"line {row.line}: the id {identity[:LONGEST_ID]!r} is given twice")
                if len(values) >= MOST_LABELS:
                    raise LabelError(path, f"more than {MOST_LABELS} labels")
                values[identity] = value
    except FileNotFoundError:
        raise LabelError(path, "no such file") from None
    except CsvError as error:
        raise LabelError(path, error.why) from None
    return table.header[1], values
