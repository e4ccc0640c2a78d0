"""Rows of a dataset's version in one Parquet file, plain or encrypted as a whole (Parquet modular encryption).

Each encrypted file has a key of its own, derived from the Mine's key and the file's name (HKDF, RFC 5869), and is bound
to that name, so that no file can replace another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sonar_core.base.canonical_json import to_canonical
from sonar_core.data.table_schema import TableSchema

#: Rows held in memory at once.
ROWS_AT_ONCE = 16_384
#: Column of the ids that a source gives its rows; no schema may use the name.
ID_COLUMN = "sonar.id"
#: Read buffer per column, in bytes.
_READ_AT_ONCE = 1 << 20
_KEY_BYTES = 32
_ARROW = {"number": pa.float64(), "integer": pa.int64(), "boolean": pa.bool_(), "string": pa.string()}
#: First bytes of an encrypted Parquet file.
_ENCRYPTED = b"PARE"


@dataclass(frozen=True, slots=True)
class Written:
    """Facts of a written file.

    Attributes:
        digest: of schema and rows, 32 bytes.
        rows: number of rows.
    """

    digest: bytes
    rows: int


def arrow_schema(schema: TableSchema, *, keyed: bool) -> pa.Schema:
    """Columns of a file: the ids, if rows have them (`keyed`), then the schema's columns."""
    columns = [(field.name, _ARROW[field.type]) for field in schema.fields]
    return pa.schema([(ID_COLUMN, pa.string()), *columns] if keyed else columns)


def open_parquet(path: Path, key: bytes | None = None) -> pq.ParquetFile:
    """Opens a file for reading in pieces. By default pyarrow would prefetch and keep all row groups.

    Args:
        path: of the file.
        key: the Mine's, 32 bytes; None reads plain files only.
    """
    return pq.ParquetFile(
        path, pre_buffer=False, buffer_size=_READ_AT_ONCE, decryption_properties=_decryption(path, key)
    )


def is_encrypted(path: Path) -> bool:
    """Whether a file is encrypted. Raises OSError."""
    with path.open("rb") as file:
        return file.read(len(_ENCRYPTED)) == _ENCRYPTED


def write_rows(
    file: BinaryIO, name: str, batches: Iterator[pa.RecordBatch], schema: TableSchema, *, keyed: bool, key: bytes | None
) -> Written:
    """Writes rows, followed by schema, digest and number of rows as metadata.

    Args:
        file: open for writing.
        name: final name of the file, to which encryption binds it.
        batches: rows with the columns of `arrow_schema`, in batches of any size.
        schema: of the rows.
        keyed: whether they have ids.
        key: the Mine's, 32 bytes; None leaves the file plain.
    """
    columns = arrow_schema(schema, keyed=keyed)
    document = to_canonical(schema.model_dump(mode="json", exclude_none=True))
    digest, rows = hashlib.sha256(document), 0
    sealing = key and pe.create_encryption_properties(_file_key(key, name), aad_prefix=_context(name))
    with pq.ParquetWriter(file, columns, encryption_properties=sealing) as writer:
        for batch in _in_equal_batches(batches, columns):
            # Ids are not part of the digest: equal rows are the same version with and without ids.
            digest.update(batch.select(schema.names).serialize())
            rows += batch.num_rows
            writer.write_batch(batch)
        facts = {"schema": document.decode(), "version": digest.hexdigest(), "rows": str(rows)}
        writer.add_key_value_metadata({f"sonar.{part}": value for part, value in facts.items()})
    return Written(digest.digest(), rows)


def batches_of(path: Path, columns: Sequence[str], *, rows_at_once: int, key: bytes | None) -> Iterator[pa.RecordBatch]:
    """Reads columns of all rows. Raises pa.ArrowException, OSError."""
    with open_parquet(path, key) as file:
        yield from file.iter_batches(rows_at_once, columns=list(columns))


def _in_equal_batches(batches: Iterator[pa.RecordBatch], columns: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of `ROWS_AT_ONCE`, so that the digest does not depend on the input's batches."""
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        held.append(batch)
        count += batch.num_rows
        while count >= ROWS_AT_ONCE:
            table = pa.Table.from_batches(held, columns)
            yield _as_one_batch(table.slice(0, ROWS_AT_ONCE))
            held, count = table.slice(ROWS_AT_ONCE).to_batches(), count - ROWS_AT_ONCE
    if count:
        yield _as_one_batch(pa.Table.from_batches(held, columns))


def _as_one_batch(table: pa.Table) -> pa.RecordBatch:
    """Copies a table into one batch: a slice, whose arrays have an offset, would serialise to other bytes."""
    return table.take(pa.array(range(table.num_rows))).combine_chunks().to_batches()[0]


def _file_key(key: bytes, name: str) -> bytes:
    return HKDF(SHA256(), _KEY_BYTES, salt=None, info=_context(name)).derive(key)


def _context(name: str) -> bytes:
    return b"sonar-rows/1:" + name.encode()


def _decryption(path: Path, key: bytes | None) -> Any:
    if key is None:
        return None
    # The prefix stored in the file is not trusted: the prefix must match the file's current name.
    return pe.create_decryption_properties(
        _file_key(key, path.name), aad_prefix=_context(path.name), allow_plaintext_files=True
    )
