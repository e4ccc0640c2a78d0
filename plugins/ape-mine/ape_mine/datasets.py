"""The datasets of a Mine: each one Parquet file in its home, checked row by row when it came in.

The file carries its Table Schema, its version and its number of rows as metadata, so that a dataset is there as a
whole or not at all, and anything that reads Parquet can look at it. Rows are read in chunks: memory stays flat.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ape_mine.errors import (
    DatasetCorruptError,
    DatasetExistsError,
    DatasetFileError,
    DatasetMissingError,
    DatasetNameError,
)
from ape_sonar.canonical import parse_json, to_canonical
from ape_sonar.errors import ColumnError, SchemaError
from ape_sonar.files import atomic_file, sweep
from ape_sonar.tables import TableSchema, csv_frames

#: Rows held in memory at once.
ROWS_AT_ONCE = 16_384
#: Bytes of a column that are fetched from a file at once.
_READ_AT_ONCE = 1 << 20
_LARGEST_SCHEMA = 4 << 20
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_METADATA = {part: f"sonar.{part}" for part in ("schema", "version", "rows")}
_ARROW = {"number": pa.float64(), "integer": pa.int64(), "boolean": pa.bool_(), "string": pa.string()}


@dataclass(frozen=True, slots=True)
class Dataset:
    """A checked table that rests in the Mine's home.

    Attributes:
        name: what the policy calls it.
        schema: of its columns, all of them.
        version: 32 bytes, another one whenever a row or the schema is another.
        rows: how many.
        path: the Parquet file.
    """

    name: str
    schema: TableSchema
    version: bytes
    rows: int
    path: Path

    def frames(self, columns: Sequence[str], *, rows_at_once: int = ROWS_AT_ONCE) -> Iterator[pd.DataFrame]:
        """These columns of all rows, `rows_at_once` at a time.

        Raises:
            DatasetMissingError: it was removed meanwhile.
            DatasetCorruptError: the file cannot be read.
        """
        try:
            with open_parquet(self.path) as file:
                for batch in file.iter_batches(rows_at_once, columns=list(columns)):
                    yield batch.to_pandas()
        except FileNotFoundError:
            raise DatasetMissingError(self.name) from None
        except (pa.ArrowException, OSError) as error:
            raise DatasetCorruptError(self.name, _first_line(error)) from None


class DatasetStore:
    """The datasets in a folder, readable by this account alone.

    Raises:
        OSError: the folder cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sweep(folder)

    def add(self, name: str, source: Path, schema: TableSchema, *, replace: bool = False) -> Dataset:
        """Checks every row of a CSV or Parquet file and copies the schema's columns; nothing stays where one is wrong.

        Args:
            name: 1 to 64 of a-z, 0-9, - and _.
            source: ends in .csv or .parquet.
            schema: of the columns to copy; others are left behind.
            replace: whether a dataset of that name is replaced.

        Raises:
            RowError: names the row and the column of the first wrong cell.
            ColumnError: a column is missing, or there twice.
            DatasetFileError: no such table, or one without rows.
            DatasetNameError, DatasetExistsError: the name cannot be used.
            OSError: the home cannot be written.
        """
        path = self._path(name)
        if path.exists() and not replace:
            raise DatasetExistsError(name)
        try:
            with atomic_file(path, mode=0o600, replace=replace) as file:
                _copy(_frames(source, schema), schema, source, file)
        except FileExistsError:
            raise DatasetExistsError(name) from None
        return self.get(name)

    def get(self, name: str) -> Dataset:
        """The dataset of that name.

        Raises:
            DatasetMissingError: there is none.
            DatasetCorruptError: its file is not what `add` wrote.
        """
        path = self._path(name)
        try:
            metadata = pq.read_metadata(path).metadata or {}
            schema, version, rows = (metadata[key.encode()].decode() for key in _METADATA.values())
            return Dataset(name, TableSchema.parse(json.loads(schema)), bytes.fromhex(version), int(rows), path)
        except FileNotFoundError:
            raise DatasetMissingError(name) from None
        except KeyError as error:
            raise DatasetCorruptError(name, f"it does not state its {error.args[0]!r}") from None
        except (pa.ArrowException, OSError, ValueError) as error:
            raise DatasetCorruptError(name, _first_line(error)) from None

    def remove(self, name: str) -> None:
        """Deletes the dataset. Raises DatasetMissingError."""
        try:
            self._path(name).unlink()
        except FileNotFoundError:
            raise DatasetMissingError(name) from None

    def __iter__(self) -> Iterator[Dataset]:
        """All datasets, by name."""
        return (self.get(path.stem) for path in sorted(self._folder.glob("*.parquet")) if _NAME.fullmatch(path.stem))

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise DatasetNameError(name)
        return self._folder / f"{name}.parquet"


def read_schema(path: Path) -> TableSchema:
    """The Table Schema in a JSON file.

    Raises:
        SchemaError: it is none that Sonar takes; says which field and why.
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


def _frames(source: Path, schema: TableSchema) -> Iterator[pd.DataFrame]:
    suffix = source.suffix.lower()
    if not source.is_file():
        raise DatasetFileError(source, "no such file")
    if suffix == ".csv":
        return csv_frames(source, schema, rows_at_once=ROWS_AT_ONCE)
    if suffix == ".parquet":
        return _parquet_frames(source, schema)
    raise DatasetFileError(source, "a dataset comes as .csv or .parquet")


def open_parquet(path: Path) -> pq.ParquetFile:
    """A file that is read piece by piece: left to itself, pyarrow fetches all row groups ahead and keeps them."""
    return pq.ParquetFile(path, pre_buffer=False, buffer_size=_READ_AT_ONCE)


def _parquet_frames(source: Path, schema: TableSchema) -> Iterator[pd.DataFrame]:
    try:
        with open_parquet(source) as file:
            names = file.schema_arrow.names
            for name in schema.names:
                if names.count(name) != 1:
                    why = "missing from the table" if name not in names else "there twice"
                    raise ColumnError(name, why, source=str(source))
            first_row = 1
            for batch in file.iter_batches(ROWS_AT_ONCE, columns=list(schema.names)):
                yield schema.check(batch.to_pandas(), source=str(source), first_row=first_row)
                first_row += batch.num_rows
    except pa.ArrowException as error:
        raise DatasetFileError(source, f"no Parquet file that can be read: {_first_line(error)}") from None


def _copy(frames: Iterator[pd.DataFrame], schema: TableSchema, source: Path, file: object) -> None:
    """Writes checked frames and, at the end, what is known of them then."""
    columns = pa.schema([(field.name, _ARROW[field.type]) for field in schema.fields])
    document = to_canonical(schema.model_dump(mode="json", exclude_none=True))
    digest, rows = hashlib.sha256(document), 0
    with pq.ParquetWriter(file, columns) as writer:
        for frame in frames:
            batch = pa.RecordBatch.from_pandas(frame, columns, preserve_index=False)
            digest.update(batch.serialize())
            rows += batch.num_rows
            writer.write_batch(batch)
        if not rows:
            raise DatasetFileError(source, "there are no rows: nothing can be learned from it")
        facts = {"schema": document.decode(), "version": digest.hexdigest(), "rows": str(rows)}
        writer.add_key_value_metadata({_METADATA[part]: value for part, value in facts.items()})


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
