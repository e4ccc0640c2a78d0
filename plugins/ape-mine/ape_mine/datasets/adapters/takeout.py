"""Google Takeout's activity: MyActivity.json of each product, exported as JSON instead of HTML."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from ape_mine.datasets.adapters.base import Record, Request, SchemaPublished
from ape_mine.datasets.adapters.bounded_files import FileSource
from ape_mine.datasets.adapters.timestamps import unix_seconds
from ape_mine.errors import SourceError
from syft.bounded_json import parse_json


class Takeout(SchemaPublished):
    """Entries with product and time. They have no ids: the id is a hash of title and time."""

    name = "takeout"
    summary = "Google Takeout (folder, .zip, or MyActivity.json): the activity of each product"
    published = "activity"

    def records(self, request: Request) -> Iterator[Record]:
        source, row = FileSource(request.location, "MyActivity.json (choose JSON when you ask for the export)"), 0
        for name in source.find(r"(?:.*/)?MyActivity\.json"):
            where = f"{request.location} {name}".strip()
            for entry in _entries(source.text(name), where):
                row += 1
                yield _record(entry, row)


def _entries(text: str, where: str) -> list[Any]:
    try:
        entries = parse_json(text)
    except ValueError as error:
        raise SourceError(where, f"is not JSON: {error}"[:200]) from None
    if not isinstance(entries, list):
        raise SourceError(where, "is not a list of activities")
    return entries


def _record(entry: Any, row: int) -> Record:
    if not isinstance(entry, dict):
        return Record(row, {}, fault="is not an activity")
    header, title, at, link = (entry.get(part) for part in ("header", "title", "time", "titleUrl"))
    seconds = unix_seconds(at)
    if seconds is None:
        return Record(row, {}, fault="has no time")
    products = entry.get("products")
    product = products[0] if isinstance(products, list) and products else header
    identity = hashlib.sha256("\0".join(map(str, (header, title, at, link))).encode("utf-8", "replace")).hexdigest()
    return Record(row, {"product": product, "title": title, "at": seconds, "has_link": link is not None}, identity)
