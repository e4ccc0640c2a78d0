"""An import: a source's records read by an adapter, checked row by row, and met with what the dataset has.

Done again it changes nothing; done with a newer export it adds what is new. It is whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import pandas as pd

from ape_mine.datasets.adapters.base import LONGEST_ID, Adapter, Record, Request
from ape_mine.datasets.labels import Labels
from ape_mine.datasets.merge import MergeCounts
from ape_mine.datasets.store import ROWS_AT_ONCE, DatasetStore, Identified
from ape_mine.errors import ImportOptionError, SourceError
from sonar_core.data.row_errors import RowError, RowErrorCollector
from sonar_core.data.table_schema import TableSchema

#: Of one import: a source without end, such as a view that feeds itself, ends here.
MOST_RECORDS = 100_000_000


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did.

    Attributes:
        name: of the dataset.
        number: of its version now.
        rows: of that version.
        counts: what was added, changed, and there already.
        faults: rows that were left out because they are wrong.
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
) -> Imported:
    """Brings a source's records into a dataset, which is made where it is not there.

    Args:
        store: the Mine's.
        name: of the dataset.
        adapter, request: what reads, and what.
        labels: joined to the records by their ids; records without one are left out.
        skip_wrong: whether wrong rows are left out, and told; otherwise one of them stops the import.
        replace: whether the dataset gets a version with these records alone.

    Raises:
        WrongRowsError: rows that are not as the schema says.
        ImportingError: the source, an option or the labels cannot be used.
        DatasetError, SchemaError: the records cannot go into the dataset.
    """
    _check_options(adapter, request)
    schema, keyed, source = adapter.schema(request), adapter.keyed(request), adapter.describe(request)
    if labels and not keyed:
        raise ImportOptionError("--labels", "labels are joined by id, and these records have none: give --key COLUMN")
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
    return Imported(name, dataset.number, dataset.rows, counts, faults)


def _check_options(adapter: Adapter, request: Request) -> None:
    unknown = [option for option in request.options if option not in adapter.options]
    if unknown:
        known = ", ".join(adapter.options) or "none"
        raise ImportOptionError(f"--set {unknown[0]}", f"{adapter.name} has no such option; it has {known}")


def _checked(
    records: Iterable[Record], schema: TableSchema, keyed: bool, source: str, faults: RowErrorCollector
) -> Iterator[Identified]:
    left = iter(records)
    count = 0
    while chunk := list(islice(left, ROWS_AT_ONCE)):
        count += len(chunk)
        if count > MOST_RECORDS:
            raise SourceError(source, f"has more than {MOST_RECORDS} records: import it in parts")
        sound = [record for record in chunk if not _fault(record, keyed, source, faults)]
        columns = {name: [record.cells.get(name) for record in sound] for name in schema.names}
        table = pd.DataFrame(columns, dtype=object)
        frame = schema.check(table, rows=[record.row for record in sound], source=source, faults=faults)
        yield Identified(frame, [str(sound[place].id) for place in frame.index] if keyed else None)


def _fault(record: Record, keyed: bool, source: str, faults: RowErrorCollector) -> bool:
    """Notes what is wrong with a record as a whole; whether anything is."""
    why = record.fault
    if why is None and keyed and not record.id:
        why = "has no id, by which it would be known again"
    if why is None and record.id is not None and len(record.id) > LONGEST_ID:
        why = f"has an id of more than {LONGEST_ID} characters"
    if why is not None:
        faults.note([RowError(record.row, None, why, source=source)])
    return why is not None
