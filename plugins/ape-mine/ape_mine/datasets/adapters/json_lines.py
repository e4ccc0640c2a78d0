"""JSON lines: one JSON object per line, UTF-8."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from ape_mine.datasets.adapters.base import Record, Request, SchemaGiven
from ape_mine.datasets.adapters.bounded_files import FileSource
from ape_mine.errors import SourceError
from syft.bounded_json import parse_json

#: Longest line, in bytes.
LONGEST_LINE = 8 << 20


class JsonLines(SchemaGiven):
    """One .jsonl or .ndjson file, or all of a folder or .zip archive."""

    name = "jsonl"
    summary = "JSON lines (.jsonl, .ndjson): one object per line, with the schema's names"

    def records(self, request: Request) -> Iterator[Record]:
        source, row = FileSource(request.location, "file of JSON lines"), 0
        for name in source.find(r"(?i).*\.(jsonl|ndjson)"):
            with source.open(name) as file:
                for number, document in json_lines(file, f"{request.location} {name}".strip()):
                    row += 1
                    if isinstance(document, dict):
                        yield Record(row, document, id_of(document, request.key))
                    else:
                        yield Record(row, {}, fault=f"line {number} {document}")


def json_lines(file: BinaryIO, where: str) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Yields each non-empty line's number and its object, or the reason why it is none.

    Raises:
        SourceError: a line is too long.
    """
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise SourceError(where, f"line {number} is longer than {LONGEST_LINE} bytes")
        if line.strip():
            yield number, _object(line)


def _object(line: bytes) -> dict[str, Any] | str:
    try:
        document = parse_json(line.decode("utf-8-sig"))
    except ValueError:
        return "is not JSON in UTF-8"
    return document if isinstance(document, dict) else "is not a JSON object"


def id_of(document: dict[str, Any], key: str | None) -> str | None:
    """Value of a record's key column as text; empty if it has none. None without a key column."""
    if key is None:
        return None
    value = document.get(key)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
