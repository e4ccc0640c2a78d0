"""Times as sources write them."""

from __future__ import annotations

from datetime import datetime


def unix_seconds(text: object) -> int | None:
    """Unix time of an ISO 8601 time with a UTC offset; None for anything else.

    >>> unix_seconds("1970-01-01T00:01:00Z"), unix_seconds("1970-01-01T00:01:00")
    (60, None)
    """
    try:
        time = datetime.fromisoformat(text) if isinstance(text, str) else None
        return int(time.timestamp()) if time and time.tzinfo else None
    except (ValueError, OverflowError):
        return None
