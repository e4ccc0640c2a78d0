"""The datasets of a Mine: each version is one Parquet file in its home, checked row by row on import.

A version is stored completely or not at all, and stays until it is pruned; the catalog lists all versions. Any reader
of Parquet can read a file that is not encrypted. Rows are read in chunks, so that memory stays bounded.
"""

from __future__ import annotations

import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa

from ape_mine.datasets.catalog import Catalog, Version
from ape_mine.datasets.dataset import Dataset, Identified, first_line
from ape_mine.datasets.merge import SPILL_PREFIX, MergeCounts, open_merge
from ape_mine.datasets.parquet_storage import (
    ID_COLUMN,
    ROWS_AT_ONCE,
    Written,
    arrow_schema,
    is_encrypted,
    open_parquet,
    write_rows,
)
from ape_mine.errors import (
    DatasetCorruptError,
    DatasetExistsError,
    DatasetFileError,
    DatasetLockedError,
    DatasetMissingError,
    DatasetNameError,
    DatasetSchemaError,
)
from sonar_core.base.atomic_files import atomic_file, remove_leftovers
from sonar_core.base.errors import SchemaError
from sonar_core.data.cells import check_table
from sonar_core.data.csv_reader import csv_frames
from sonar_core.data.row_errors import RowErrorCollector
from sonar_core.data.table_schema import TableSchema, require_columns

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_CATALOG = "catalog.sqlite"
#: A younger file that the catalog does not list may belong to an import that is still running.
_ORPHANED_AFTER_SECONDS = 3600
#: A spill folder without changes for so long belongs to a process that was killed.
_SPILLED_AFTER_SECONDS = 86_400


class DatasetStore:
    """The datasets in a folder, readable by this account alone.

    Raises:
        JournalError: the catalog cannot be used.
        OSError: the folder cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key: bytes | None = None
        self._encrypted = False
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        remove_leftovers(folder)
        self.catalog = Catalog(folder / _CATALOG)
        self._remove_orphans()

    def lock(self) -> None:
        """Rows are encrypted, and the key is not at hand: none can be read or written until `unlock`."""
        self._encrypted, self._key = True, None

    def unlock(self, key: bytes) -> None:
        """Rows are read, and from now on written, under a key of 32 bytes."""
        self._encrypted, self._key = True, key

    def encrypt_all(self) -> int:
        """Encrypts all plain versions one by one. Returns their number. Raises DatasetError, OSError."""
        plain = [
            one
            for name in self.catalog.all_names()
            for one in self.catalog.history(name)
            if one.pruned is None and not is_encrypted(self._folder / one.file)
        ]
        for one in plain:
            rows = self._dataset(one).batches(arrow_schema(one.schema, keyed=one.keyed).names)
            file_name = _new_name(one.name, one.number)
            with atomic_file(self._folder / file_name, mode=0o600, replace=False) as file:
                write_rows(file, file_name, rows, one.schema, keyed=one.keyed, key=self._key)
            self.catalog.move(one, file_name)
            (self._folder / one.file).unlink(missing_ok=True)
        named = self.catalog.files()
        for path in self._folder.glob("*.parquet"):
            # Left by a process that was killed while encrypting; no other process writes plain rows.
            if path.name not in named and not is_encrypted(path):
                path.unlink()
        return len(plain)

    def add(self, name: str, source: Path, schema: TableSchema, *, replace: bool = False) -> Dataset:
        """Checks every row of a CSV or Parquet file and copies the schema's columns. Copies nothing if a row is wrong.

        Args:
            name: 1 to 64 of a-z, 0-9, - and _.
            source: ends in .csv or .parquet.
            schema: of the columns to copy; others are ignored.
            replace: whether an existing dataset gets a new version with these rows alone.

        Raises:
            WrongRowsError: names row and column of the wrong cells.
            ColumnError: a column is missing or duplicate.
            DatasetFileError: not such a file, or no rows.
            DatasetNameError, DatasetExistsError: the name cannot be used.
            DatasetLockedError: the store is locked.
            DatasetChangedError: another process changed the dataset meanwhile.
            OSError: the folder cannot be written.
        """
        faults = RowErrorCollector()

        def rows() -> Iterator[Identified]:
            for frame in _frames(source, schema, faults):
                yield Identified(frame)
            faults.raise_any()

        return self.put(name, rows(), schema, source=str(source), replace=replace)

    def put(
        self,
        name: str,
        rows: Iterable[Identified],
        schema: TableSchema,
        *,
        source: str,
        replace: bool = False,
        keyed: bool = False,
        cursor: str | None = None,
    ) -> Dataset:
        """Makes a version of these rows alone. An error of `rows` leaves everything unchanged.

        Args:
            name, schema, replace: as for `add`.
            rows: checked by the schema, in order.
            source: description of their origin, for the history.
            keyed: whether rows have ids, which must be unique.
            cursor: position in the source after these rows.

        Raises:
            DatasetNameError, DatasetExistsError, DatasetChangedError, DatasetFileError, OSError: as `add`.
        """
        self._check_writable(name)
        newest = self.catalog.newest(name)
        if newest and not replace:
            raise DatasetExistsError(name)
        columns = arrow_schema(schema, keyed=keyed)
        self._write(name, _batches(rows, columns), schema, keyed=keyed, source=source, cursor=cursor)
        return self.get(name)

    def merge(
        self,
        name: str,
        rows: Iterable[Identified],
        schema: TableSchema,
        *,
        source: str,
        keyed: bool,
        cursor: Callable[[], str | None] = lambda: None,
        replace: bool = False,
    ) -> MergeCounts:
        """Adds new rows and replaces changed ones in a new version; makes none if nothing is new.

        Args:
            name, rows, schema, source, keyed: as for `put`, but an id may occur several times: its last row counts.
            cursor: gives the position in the source; called after the rows were read.
            replace: whether the new version leaves out the existing rows.

        Raises:
            DatasetSchemaError: the existing dataset has other columns, or differs in having ids.
            DatasetNameError, DatasetChangedError, DatasetFileError, OSError: as `add`.
        """
        self._check_writable(name)
        last, newest = self.catalog.last_number(name), None if replace else self.catalog.newest(name)
        if newest and newest.schema != schema:
            raise DatasetSchemaError(name, "has another schema")
        if newest and newest.keyed != keyed:
            raise DatasetSchemaError(name, f"has rows {'with' if newest.keyed else 'without'} ids, unlike these")
        columns = arrow_schema(schema, keyed=keyed)
        with open_merge(columns, self._folder) as merge:
            for batch in _batches(rows, columns):
                merge.add_incoming(batch)
            if newest:
                merge.add_existing(self._dataset(newest).batches(columns.names))
            counts = merge.compare()
            if counts.has_changes:
                self._write(name, merge.rows(), schema, keyed=keyed, source=source, cursor=cursor(), after=last)
            elif not newest:
                raise DatasetFileError(Path(source), "has no rows")
            elif reached := cursor():
                self.catalog.set_cursor(name, source, reached)
        return counts

    def get(self, name: str, number: int | None = None) -> Dataset:
        """A dataset by its name: the newest version, or the one with that number.

        Raises:
            DatasetMissingError: no such version, or its rows were pruned.
            DatasetCorruptError: the file is not the one that was written.
        """
        self._check_name(name)
        if number is None:
            version = self.catalog.newest(name)
        else:
            found = [one for one in self.catalog.history(name) if one.number == number and one.pruned is None]
            version = found[0] if found else None
        if version is None:
            raise DatasetMissingError(name)
        dataset = self._dataset(version)
        self._check_file(dataset)
        return dataset

    def history(self, name: str) -> list[Version]:
        """All versions of a name, pruned ones included, oldest first. Raises DatasetMissingError if none exists."""
        self._check_name(name)
        history = self.catalog.history(name)
        if not history:
            raise DatasetMissingError(name)
        return history

    def prune(self, name: str, *, keep: int = 1) -> list[int]:
        """Deletes the rows of all but the newest versions; the history keeps their facts.

        Args:
            name: of the dataset.
            keep: number of versions that keep their rows, at least 1.

        Returns:
            Numbers of the versions whose rows were deleted.

        Raises:
            DatasetMissingError: no such dataset.
        """
        if keep < 1:
            raise ValueError(f"keep must be at least 1, not {keep}")
        self.get(name)
        return self._delete(name, [one for one in self.catalog.history(name) if one.pruned is None][:-keep])

    def remove(self, name: str) -> None:
        """Deletes the rows of all versions of a dataset. Raises DatasetMissingError."""
        if self.catalog.newest(name) is None:
            raise DatasetMissingError(name)
        self.catalog.forget_cursors(name)
        self._delete(name, [one for one in self.catalog.history(name) if one.pruned is None])

    def __iter__(self) -> Iterator[Dataset]:
        """All datasets, by name."""
        return (self.get(name) for name in self.catalog.names())

    # ------------------------------------------------------------------ files

    def _write(
        self,
        name: str,
        batches: Iterator[pa.RecordBatch],
        schema: TableSchema,
        *,
        keyed: bool,
        source: str,
        cursor: str | None,
        after: int | None = None,
    ) -> None:
        """Writes a version's file, then lists it in the catalog."""
        if ID_COLUMN in schema.names:
            raise SchemaError(f"a column may not be called {ID_COLUMN!r}: rename it")
        after = self.catalog.last_number(name) if after is None else after
        file_name = _new_name(name, after + 1)
        path = self._folder / file_name
        with atomic_file(path, mode=0o600, replace=False) as file:
            written = write_rows(file, file_name, batches, schema, keyed=keyed, key=self._key)
            if not written.rows:
                raise DatasetFileError(Path(source), "has no rows")
        try:
            if not self._is_newest(name, written, schema, keyed):
                self.catalog.add(
                    name,
                    after=after,
                    digest=written.digest,
                    rows=written.rows,
                    schema=schema,
                    keyed=keyed,
                    source=source,
                    file=file_name,
                    cursor=cursor,
                )
                return
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        path.unlink(missing_ok=True)

    def _is_newest(self, name: str, written: Written, schema: TableSchema, keyed: bool) -> bool:
        """Whether the newest version has the same rows and schema, as when a policy is adopted again."""
        newest = self.catalog.newest(name)
        return newest is not None and (newest.digest, newest.schema, newest.keyed) == (written.digest, schema, keyed)

    def _dataset(self, version: Version) -> Dataset:
        return Dataset(
            name=version.name,
            schema=version.schema,
            version=version.digest,
            rows=version.rows,
            path=self._folder / version.file,
            number=version.number,
            kin=self.catalog.kin(version.name),
            key=self._key,
        )

    def _check_file(self, dataset: Dataset) -> None:
        """Raises DatasetCorruptError if the file is not the one that the catalog lists, as far as its metadata show."""
        try:
            if dataset.key is None and is_encrypted(dataset.path):
                return
            with open_parquet(dataset.path, dataset.key) as file:
                metadata = file.metadata.metadata or {}
            if metadata.get(b"sonar.version") != dataset.version.hex().encode():
                raise DatasetCorruptError(dataset.name, "its file is of another version")
        except FileNotFoundError:
            raise DatasetCorruptError(dataset.name, "its file is gone") from None
        except (pa.ArrowException, OSError) as error:
            raise DatasetCorruptError(dataset.name, first_line(error)) from None

    def _delete(self, name: str, versions: list[Version]) -> list[int]:
        self.catalog.prune(name, [one.number for one in versions])
        for one in versions:
            (self._folder / one.file).unlink(missing_ok=True)
        return [one.number for one in versions]

    def _remove_orphans(self) -> None:
        """Removes files that a killed process wrote or pruned without finishing."""
        named = self.catalog.files()
        for path in self._folder.glob("*.parquet"):
            old = path.stat().st_mtime < time.time() - _ORPHANED_AFTER_SECONDS
            if path.name not in named and old:
                path.unlink(missing_ok=True)
        for spill in self._folder.glob(f"{SPILL_PREFIX}*"):
            if spill.stat().st_mtime < time.time() - _SPILLED_AFTER_SECONDS:
                shutil.rmtree(spill, ignore_errors=True)

    def _check_writable(self, name: str) -> None:
        self._check_name(name)
        if self._encrypted and self._key is None:
            raise DatasetLockedError(name)

    def _check_name(self, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise DatasetNameError(name)


def _new_name(name: str, number: int) -> str:
    """A file name that no other version had, since the file's key is derived from it."""
    return f"{name}.{number:06}.{secrets.token_hex(8)}.parquet"


def _frames(source: Path, schema: TableSchema, faults: RowErrorCollector) -> Iterator[pd.DataFrame]:
    suffix = source.suffix.lower()
    if not source.is_file():
        raise DatasetFileError(source, "is a folder: name a file" if source.is_dir() else "no such file")
    if suffix == ".csv":
        return csv_frames(source, schema, rows_at_once=ROWS_AT_ONCE, errors=faults)
    if suffix == ".parquet":
        return _parquet_frames(source, schema, faults)
    raise DatasetFileError(source, "unknown format: give a .csv or .parquet file, or use `ape mine import`")


def _parquet_frames(source: Path, schema: TableSchema, faults: RowErrorCollector) -> Iterator[pd.DataFrame]:
    try:
        with open_parquet(source) as file:
            require_columns(schema.names, file.schema_arrow.names, str(source))
            first = 1
            for batch in file.iter_batches(ROWS_AT_ONCE, columns=list(schema.names)):
                rows = range(first, first + batch.num_rows)
                yield check_table(schema, batch.to_pandas(), source=str(source), rows=rows, errors=faults)
                first += batch.num_rows
    except pa.ArrowException as error:
        raise DatasetFileError(source, f"not a readable Parquet file: {first_line(error)}") from None


def _batches(rows: Iterable[Identified], columns: pa.Schema) -> Iterator[pa.RecordBatch]:
    for one in rows:
        frame = one.frame if one.ids is None else one.frame.assign(**{ID_COLUMN: list(one.ids)})
        # Arrow infers the type null for a column without cells, which no batch accepts.
        if len(frame):
            yield pa.RecordBatch.from_pandas(frame, columns, preserve_index=False)
