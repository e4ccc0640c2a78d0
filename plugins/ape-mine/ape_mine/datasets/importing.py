"""An import: an adapter reads a source's records, each row is checked, and the rows are merged into a dataset.

A repeated import changes nothing; a newer export adds what is new. An import happens completely or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import pandas as pd

from ape_mine.datasets.adapters.base import LONGEST_ID, Adapter, Record, Request
from ape_mine.datasets.dataset import Identified
from ape_mine.datasets.labels import Labels
from ape_mine.datasets.merge import MergeCounts
from ape_mine.datasets.parquet_storage import ROWS_AT_ONCE
from ape_mine.datasets.store import DatasetStore
from ape_mine.errors import ImportOptionError, SourceError
from sonar_core.data.cells import check_table
from sonar_core.data.row_errors import RowError, RowErrorCollector
from sonar_core.data.table_schema import TableSchema

#: Records per import: stops a source without end, such as a recursive view.
MOST_RECORDS = 100_000_000


@dataclass(frozen=True, slots=True)
class ImportResult:
    """Result of an import.

    Attributes:
        name: of the dataset.
        number: of its newest version.
        rows: number of rows in that version.
        counts: rows that were added, changed, or the same.
        faults: wrong rows that were left out.
    """

    name: str
    number: int
    rows: int
    counts: MergeCounts
    faults: RowErrorCollector


def import_source(
    store: DatasetStore,
    name: str,
    adapter: Adapter,
    request: Request,
    *,
    labels: Labels | None = None,
    skip_wrong: bool = False,
    replace: bool = False,
) -> ImportResult:
    """Imports a source's records into a dataset, which is created if it does not exist.

    Args:
        store: the Mine's.
        name: of the dataset.
        adapter, request: the reader and its input.
        labels: joined to the records by their ids; records without one are left out.
        skip_wrong: whether wrong rows are left out and reported; otherwise one wrong row stops the import.
        replace: whether the new version holds these records alone.

    Raises:
        WrongRowsError: rows that violate the schema.
        ImportingError: the source, an option or the labels cannot be used.
        DatasetError, SchemaError: the records cannot go into the dataset.
    """
    _check_options(adapter, request)
    schema, keyed, source = adapter.schema(request), adapter.keyed(request), adapter.describe(request)
    if labels and not keyed:
        raise ImportOptionError("--labels", "labels are joined by id, but these records have no ids: give --key COLUMN")
    if not replace:
        request = request.after(store.catalog.cursor(name, source))
    records: Iterable[Record] = adapter.records(request)
    if labels:
        records, schema = labels.join(records), labels.extend(schema)
    faults = RowErrorCollector()

    def rows() -> Iterator[Identified]:
        yield from _checked(records, schema, keyed, source, faults)
        if not skip_wrong:
            faults.raise_any()

    counts = store.merge(name, rows(), schema, source=source, keyed=keyed, cursor=adapter.cursor, replace=replace)
    dataset = store.get(name)
    return ImportResult(name, dataset.number, dataset.rows, counts, faults)


def _check_options(adapter: Adapter, request: Request) -> None:
    unknown = [option for option in request.options if option not in adapter.options]
    if unknown:
        known = ", ".join(adapter.options) or "none"
        raise ImportOptionError(f"--set {unknown[0]}", f"{adapter.name} has no such option; its options: {known}")


def _checked(
    records: Iterable[Record], schema: TableSchema, keyed: bool, source: str, faults: RowErrorCollector
) -> Iterator[Identified]:
    remaining = iter(records)
    count = 0
    while chunk := list(islice(remaining, ROWS_AT_ONCE)):
        count += len(chunk)
        if count > MOST_RECORDS:
            raise SourceError(source, f"has more than {MOST_RECORDS} records: import it in parts")
        intact = [record for record in chunk if not _fault(record, keyed, source, faults)]
        columns = {name: [record.cells.get(name) for record in intact] for name in schema.names}
        table = pd.DataFrame(columns, dtype=object)
        frame = check_table(schema, table, rows=[record.row for record in intact], source=source, errors=faults)
        yield Identified(frame, [str(intact[index].id) for index in frame.index] if keyed else None)


def _fault(record: Record, keyed: bool, source: str, faults: RowErrorCollector) -> bool:
    """Whether a record is wrong as a whole; if so, it is added to the faults."""
    why = record.fault
    if why is None and keyed and not record.id:
        why = "has no id"
    if why is None and record.id is not None and len(record.id) > LONGEST_ID:
        why = f"has an id of more than {LONGEST_ID} characters"
    if why is not None:
        faults.add([RowError(record.row, None, why, source=source)])
    return why is not None
