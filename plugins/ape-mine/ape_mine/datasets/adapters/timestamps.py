"""Moments as sources write them."""

from __future__ import annotations

from datetime import datetime


def unix_seconds(text: object) -> int | None:
    """Unix time of an ISO 8601 moment with its offset from UTC; None where it is none.

    >>> unix_seconds("1970-01-01T00:01:00Z"), unix_seconds("1970-01-01T00:01:00")
    (60, None)
    """
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        return int(moment.timestamp()) if moment and moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
