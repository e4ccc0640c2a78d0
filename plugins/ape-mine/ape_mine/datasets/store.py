"""The datasets of a Mine: each version one Parquet file in its home, checked row by row when it came in.

A version is there as a whole or not at all, and stays until it is pruned; the catalog knows them all. Anything that
reads Parquet can look at a file that is not encrypted. Rows are read in chunks: memory stays flat.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pyarrow as pa

from ape_mine.datasets.catalog import Catalog, Version
from ape_mine.datasets.merge import SPILL_PREFIX, MergeCounts, open_intake
from ape_mine.datasets.parquet_storage import (
    ID_COLUMN,
    ROWS_AT_ONCE,
    Written,
    arrow_schema,
    batches_of,
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
from sonar_core.base.atomic_files import atomic_file, sweep
from sonar_core.base.errors import SchemaError
from sonar_core.data.row_errors import RowErrorCollector
from sonar_core.data.table_schema import TableSchema, csv_frames, require_columns
from syft.bounded_json import parse_json

__all__ = ["ROWS_AT_ONCE", "Dataset", "DatasetStore", "Identified", "read_schema"]

_LARGEST_SCHEMA = 4 << 20
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_CATALOG = "catalog.sqlite"
#: A file that nobody names yet may be about to be named by a process that writes it.
_ORPHANED_AFTER_SECONDS = 3600
#: No import takes that long without a word to its folder.
_SPILLED_AFTER_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Dataset:
    """A version of a checked table that rests in the Mine's home.

    Attributes:
        name: what the policy calls it.
        schema: of its columns, all of them.
        version: 32 bytes, another one whenever a row or the schema is another.
        rows: how many.
        path: the Parquet file.
        number: of the version, counted from 1.
        kin: other names under which its rows may be, or have been.
        key: the Mine's, where the file is encrypted.
        consented: the boolean column that is true of the rows that count; None where all do.
    """

    name: str
    schema: TableSchema
    version: bytes
    rows: int
    path: Path
    number: int = 1
    kin: tuple[str, ...] = ()
    key: bytes | None = None
    consented: str | None = None

    def only(self, column: str | None) -> Dataset:
        """The rows of which a boolean column is true: other rows than all, so another version. None leaves all."""
        if column is None:
            return self
        version = hashlib.sha256(b"sonar-consented/1:" + self.version + column.encode()).digest()
        return replace(self, version=version, consented=column)

    def frames(self, columns: Sequence[str], *, rows_at_once: int = ROWS_AT_ONCE) -> Iterator[pd.DataFrame]:
        """These columns of all rows, `rows_at_once` at a time.

        Raises:
            DatasetMissingError: it was removed meanwhile.
            DatasetLockedError: it is encrypted, and the store was not unlocked.
            DatasetCorruptError: the file cannot be read.
        """
        flag = self.consented
        wanted = list(columns) if flag is None or flag in columns else [*columns, flag]
        for batch in self.batches(wanted, rows_at_once=rows_at_once):
            frame = batch.to_pandas()
            yield frame if flag is None else frame.loc[frame[flag], list(columns)]

    def batches(self, columns: Sequence[str], *, rows_at_once: int = ROWS_AT_ONCE) -> Iterator[pa.RecordBatch]:
        """The same as Arrow has them. Raises as `frames`."""
        try:
            if self.key is None and is_encrypted(self.path):
                raise DatasetLockedError(self.name)
            yield from batches_of(self.path, columns, rows_at_once=rows_at_once, key=self.key)
        except FileNotFoundError:
            raise DatasetMissingError(self.name) from None
        except (pa.ArrowException, OSError) as error:
            raise DatasetCorruptError(self.name, _first_line(error)) from None


@dataclass(frozen=True, slots=True)
class Identified:
    """Checked rows, with the ids that their source gives them, one each, or with none."""

    frame: pd.DataFrame
    ids: Sequence[str] | None = None


class DatasetStore:
    """The datasets in a folder, readable by this account alone.

    Raises:
        JournalError: the catalog cannot be used.
        OSError: the folder cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key: bytes | None = None
        self._sealed = False
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sweep(folder)
        self.catalog = Catalog(folder / _CATALOG)
        self._adopt_old_files()
        self._remove_orphans()

    def seal(self, key: bytes | None = None) -> None:
        """From now on rows are encrypted under a key of 32 bytes; without it none are read, and none come in."""
        self._sealed, self._key = True, key

    def encrypt_all(self) -> int:
        """Encrypts the versions that are plain, one by one; how many those were. Raises DatasetError, OSError."""
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
            # Left by one that was killed here; nobody else writes plain rows any more.
            if path.name not in named and not is_encrypted(path):
                path.unlink()
        return len(plain)

    def add(self, name: str, source: Path, schema: TableSchema, *, replace: bool = False) -> Dataset:
        """Checks every row of a CSV or Parquet file and copies the schema's columns; nothing stays where one is wrong.

        Args:
            name: 1 to 64 of a-z, 0-9, - and _.
            source: ends in .csv or .parquet.
            schema: of the columns to copy; others are left behind.
            replace: whether a dataset of that name gets a new version with these rows alone.

        Raises:
            WrongRowsError: names row and column of the wrong cells.
            ColumnError: a column is missing, or there twice.
            DatasetFileError: no such table, or one without rows.
            DatasetNameError, DatasetExistsError: the name cannot be used.
            DatasetLockedError: rows are encrypted here, and the store has no key.
            DatasetChangedError: another process changed the dataset meanwhile.
            OSError: the home cannot be written.
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
        """Makes a version of these rows alone. What `rows` raises leaves everything as it was.

        Args:
            name, schema, replace: as for `add`.
            rows: checked by the schema, in order.
            source: what they come from, for the history.
            keyed: whether they have ids; unique ones.
            cursor: how far the source is read with them.

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
        """Adds what is new among rows, and replaces what changed, in a new version; none where nothing is news.

        Args:
            name, rows, schema, source, keyed: as for `put`, but ids may come several times: the last one counts.
            cursor: how far the source is read, asked for when the rows have been.
            replace: whether the rows that are there are left out of the new version.

        Raises:
            DatasetSchemaError: the dataset there has other columns, or rows with ids where these have none.
            DatasetNameError, DatasetChangedError, DatasetFileError, OSError: as `add`.
        """
        self._check_writable(name)
        last, newest = self.catalog.last_number(name), None if replace else self.catalog.newest(name)
        if newest and newest.schema != schema:
            raise DatasetSchemaError(name, "has other columns, or others of their properties")
        if newest and newest.keyed != keyed:
            raise DatasetSchemaError(name, f"has rows {'with' if newest.keyed else 'without'} ids, unlike these")
        columns = arrow_schema(schema, keyed=keyed)
        with open_intake(columns, self._folder) as intake:
            for batch in _batches(rows, columns):
                intake.come(batch)
            if newest:
                intake.stand(self._dataset(newest).batches(columns.names))
            counts = intake.merge()
            if counts.news:
                merged = intake.merged()
                self._write(name, merged, schema, keyed=keyed, source=source, cursor=cursor(), after=last)
            elif not newest:
                raise DatasetFileError(Path(source), "there are no rows: nothing can be learned from it")
            elif reached := cursor():
                self.catalog.reach(name, source, reached)
        return counts

    def get(self, name: str, number: int | None = None) -> Dataset:
        """The dataset of that name: its newest version, or the one of that number.

        Raises:
            DatasetMissingError: there is none, or its rows were pruned.
            DatasetCorruptError: its file is not what was written.
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
        """All versions there were of a name, oldest first. Raises DatasetMissingError where there never was one."""
        self._check_name(name)
        history = self.catalog.history(name)
        if not history:
            raise DatasetMissingError(name)
        return history

    def prune(self, name: str, *, keep: int = 1) -> list[int]:
        """Deletes the rows of all but the newest versions; the history keeps that they were there.

        Args:
            name: of the dataset.
            keep: how many versions keep their rows, at least 1.

        Returns:
            Numbers of the versions whose rows went.

        Raises:
            DatasetMissingError: there is no such dataset.
        """
        if keep < 1:
            raise ValueError(f"at least one version is kept, not {keep}")
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
        """Writes a version's file, then names it in the catalog."""
        if ID_COLUMN in schema.names:
            raise SchemaError(f"a column may not be called {ID_COLUMN!r}: rename it")
        after = self.catalog.last_number(name) if after is None else after
        file_name = _new_name(name, after + 1)
        path = self._folder / file_name
        with atomic_file(path, mode=0o600, replace=False) as file:
            written = write_rows(file, file_name, batches, schema, keyed=keyed, key=self._key)
            if not written.rows:
                raise DatasetFileError(Path(source), "there are no rows: nothing can be learned from it")
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
        """Whether the same rows are there already: a policy adopted again makes no version."""
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
        """Raises DatasetCorruptError where the file is not the one that the catalog speaks of, as far as it shows."""
        try:
            if dataset.key is None and is_encrypted(dataset.path):
                return
            with open_parquet(dataset.path, dataset.key) as file:
                metadata = file.metadata.metadata or {}
            if metadata.get(b"sonar.version") != dataset.version.hex().encode():
                raise DatasetCorruptError(dataset.name, "it states another version")
        except FileNotFoundError:
            raise DatasetCorruptError(dataset.name, "its file is gone") from None
        except (pa.ArrowException, OSError) as error:
            raise DatasetCorruptError(dataset.name, _first_line(error)) from None

    def _delete(self, name: str, versions: list[Version]) -> list[int]:
        self.catalog.prune(name, [one.number for one in versions])
        for one in versions:
            (self._folder / one.file).unlink(missing_ok=True)
        return [one.number for one in versions]

    def _remove_orphans(self) -> None:
        """Removes what was written or pruned by a process that was killed before it was done."""
        named = self.catalog.files()
        for path in self._folder.glob("*.parquet"):
            old = path.stat().st_mtime < time.time() - _ORPHANED_AFTER_SECONDS
            if path.name not in named and old:
                path.unlink(missing_ok=True)
        for spill in self._folder.glob(f"{SPILL_PREFIX}*"):
            if spill.stat().st_mtime < time.time() - _SPILLED_AFTER_SECONDS:
                shutil.rmtree(spill, ignore_errors=True)

    def _adopt_old_files(self) -> None:
        """Takes in the datasets of a Mine that had no catalog yet: NAME.parquet, which states what it is."""
        for path in self._folder.glob("*.parquet"):
            if not _NAME.fullmatch(path.stem) or path.name in self.catalog.files():
                continue
            try:
                with open_parquet(path) as file:
                    metadata = file.metadata.metadata or {}
                schema, version, rows = (metadata[f"sonar.{part}".encode()] for part in ("schema", "version", "rows"))
                self.catalog.add(
                    path.stem,
                    after=self.catalog.last_number(path.stem),
                    digest=bytes.fromhex(version.decode()),
                    rows=int(rows),
                    schema=TableSchema.parse(json.loads(schema)),
                    keyed=False,
                    source="a Mine without a catalog",
                    file=path.name,
                )
            except (KeyError, ValueError, pa.ArrowException) as error:
                raise DatasetCorruptError(path.stem, _first_line(error)) from None

    def _check_writable(self, name: str) -> None:
        self._check_name(name)
        if self._sealed and self._key is None:
            raise DatasetLockedError(name)

    def _check_name(self, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise DatasetNameError(name)


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


def _new_name(name: str, number: int) -> str:
    """A file that no other version had: its key is derived from the name."""
    return f"{name}.{number:06}.{secrets.token_hex(8)}.parquet"


def _frames(source: Path, schema: TableSchema, faults: RowErrorCollector) -> Iterator[pd.DataFrame]:
    suffix = source.suffix.lower()
    if not source.is_file():
        raise DatasetFileError(source, "no such file")
    if suffix == ".csv":
        return csv_frames(source, schema, rows_at_once=ROWS_AT_ONCE, faults=faults)
    if suffix == ".parquet":
        return _parquet_frames(source, schema, faults)
    raise DatasetFileError(source, "a dataset comes as .csv or .parquet")


def _parquet_frames(source: Path, schema: TableSchema, faults: RowErrorCollector) -> Iterator[pd.DataFrame]:
    try:
        with open_parquet(source) as file:
            require_columns(schema.names, file.schema_arrow.names, str(source))
            first = 1
            for batch in file.iter_batches(ROWS_AT_ONCE, columns=list(schema.names)):
                rows = range(first, first + batch.num_rows)
                yield schema.check(batch.to_pandas(), source=str(source), rows=rows, faults=faults)
                first += batch.num_rows
    except pa.ArrowException as error:
        raise DatasetFileError(source, f"no Parquet file that can be read: {_first_line(error)}") from None


def _batches(rows: Iterable[Identified], columns: pa.Schema) -> Iterator[pa.RecordBatch]:
    for one in rows:
        frame = one.frame if one.ids is None else one.frame.assign(**{ID_COLUMN: list(one.ids)})
        # Of a column without a cell Arrow makes something that no batch takes.
        if len(frame):
            yield pa.RecordBatch.from_pandas(frame, columns, preserve_index=False)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
