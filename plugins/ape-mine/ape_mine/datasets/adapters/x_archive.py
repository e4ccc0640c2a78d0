"""The archive that X (Twitter) gives a person of their own account: data/tweets.js and its parts.

Each file is JavaScript that assigns a list to `window.YTD.tweets.partN`; the right-hand side is JSON. X writes &, <
and > in texts as HTML entities, which are decoded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from html import unescape
from typing import Any

from ape_mine.datasets.adapters.base import Record, Request, SchemaPublished
from ape_mine.datasets.adapters.bounded_files import FileSource
from ape_mine.errors import SourceError
from syft.bounded_json import parse_json

_ASSIGNMENT = re.compile(r"\s*window\.YTD\.(?:tweets?)\.part\d+\s*=\s*")
_FILES = r"(?:.*/)?(?:tweets?(?:-part\d+)?)\.js"
_TIME = "%a %b %d %H:%M:%S %z %Y"


class XArchive(SchemaPublished):
    """Tweets with their ids, so that a Miner's own labels can be joined to them (`--labels`)."""

    name = "x-archive"
    summary = "the archive of an X account (folder, .zip, or tweets.js): its tweets"
    published = "tweet"

    def records(self, request: Request) -> Iterator[Record]:
        source, row = FileSource(request.location, "tweets.js"), 0
        for name in source.find(_FILES):
            where = f"{request.location} {name}".strip()
            for entry in _entries(source.text(name), where):
                row += 1
                yield _record(entry, row)


def _entries(text: str, where: str) -> list[Any]:
    start = _ASSIGNMENT.match(text)
    if start is None:
        raise SourceError(where, "does not begin with window.YTD.tweets.part0 = ...: not a tweets.js of X")
    try:
        entries = parse_json(text[start.end() :].rstrip().removesuffix(";"))
    except ValueError as error:
        raise SourceError(where, f"the assigned value is not JSON: {error}"[:200]) from None
    if not isinstance(entries, list):
        raise SourceError(where, "the assigned value is not a list of tweets")
    return entries


def _record(entry: Any, row: int) -> Record:
    tweet = entry.get("tweet", entry) if isinstance(entry, dict) else None
    if not isinstance(tweet, dict):
        return Record(row, {}, fault="is not a tweet")
    text = tweet.get("full_text", tweet.get("text"))
    identity = tweet.get("id_str", tweet.get("id"))
    cells = {
        "text": unescape(text) if isinstance(text, str) else text,
        "created_at": _seconds(tweet.get("created_at")),
        "language": tweet.get("lang") or "und",
        "favorites": tweet.get("favorite_count", 0),
        "retweets": tweet.get("retweet_count", 0),
        "is_reply": tweet.get("in_reply_to_status_id_str") is not None,
    }
    return Record(row, cells, identity if isinstance(identity, str) else "")


def _seconds(text: object) -> int | None:
    """Unix time of a text such as "Wed Oct 10 20:19:24 +0000 2018"; None for anything else."""
    try:
        return int(datetime.strptime(str(text), _TIME).timestamp())
    except (ValueError, OverflowError):
        return None
