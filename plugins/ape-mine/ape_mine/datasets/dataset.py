"""One version of a dataset: its facts, and its rows read in chunks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pyarrow as pa

from ape_mine.datasets.parquet_storage import ROWS_AT_ONCE, batches_of, is_encrypted
from ape_mine.errors import DatasetCorruptError, DatasetLockedError, DatasetMissingError
from sonar_core.data.table_schema import TableSchema


@dataclass(frozen=True, slots=True)
class Dataset:
    """A version of a checked table that is stored in the Mine's home.

    Attributes:
        name: used in the policy.
        schema: of all columns.
        version: digest of rows and schema, 32 bytes.
        rows: number of rows.
        path: the Parquet file.
        number: of the version, counted from 1.
        kin: other names under which the same rows are, or were, stored.
        key: the Mine's, if the file is encrypted.
        consented: the boolean column that is true in rows that may be used; None if all may.
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
        """The rows in which a boolean column is true, as a version of its own; all rows for None."""
        if column is None:
            return self
        version = hashlib.sha256(b"sonar-consented/1:" + self.version + column.encode()).digest()
        return replace(self, version=version, consented=column)

    def frames(self, columns: Sequence[str], *, rows_at_once: int = ROWS_AT_ONCE) -> Iterator[pd.DataFrame]:
        """Reads columns of all rows in chunks of `rows_at_once` rows.

        Raises:
            DatasetMissingError: the file was removed meanwhile.
            DatasetLockedError: the file is encrypted, and the store was not unlocked.
            DatasetCorruptError: the file cannot be read.
        """
        flag = self.consented
        wanted = list(columns) if flag is None or flag in columns else [*columns, flag]
        for batch in self.batches(wanted, rows_at_once=rows_at_once):
            frame = batch.to_pandas()
            yield frame if flag is None else frame.loc[frame[flag], list(columns)]

    def batches(self, columns: Sequence[str], *, rows_at_once: int = ROWS_AT_ONCE) -> Iterator[pa.RecordBatch]:
        """As `frames`, but Arrow record batches, and without the filter by consent."""
        try:
            if self.key is None and is_encrypted(self.path):
                raise DatasetLockedError(self.name)
            yield from batches_of(self.path, columns, rows_at_once=rows_at_once, key=self.key)
        except FileNotFoundError:
            raise DatasetMissingError(self.name) from None
        except (pa.ArrowException, OSError) as error:
            raise DatasetCorruptError(self.name, first_line(error)) from None


@dataclass(frozen=True, slots=True)
class Identified:
    """A chunk of checked rows, with one id per row from their source, or without ids."""

    frame: pd.DataFrame
    ids: Sequence[str] | None = None


def first_line(error: BaseException) -> str:
    """First line of Arrow's message, which has several, at most 200 characters."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
