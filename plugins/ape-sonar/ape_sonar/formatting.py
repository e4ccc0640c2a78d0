"""Numbers for people: accuracies, durations and times. Money writes itself (`sonar_core.protocol.units.Money`)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def format_accuracy(accuracy: Decimal | str | float) -> str:
    """An accuracy with four decimal places.

    >>> format_accuracy("0.87654")
    '0.8765'
    """
    return f"{float(accuracy):.4f}"


def format_duration(duration: timedelta | int) -> str:
    """A duration or whole seconds, exactly.

    >>> format_duration(93_600)
    '1 day 2 hours'
    """
    seconds = duration if isinstance(duration, int) else int(duration.total_seconds())
    parts = []
    for name, length in _UNITS:
        count, seconds = divmod(seconds, length)
        if count:
            parts.append(f"{count} {name}{'' if count == 1 else 's'}")
    return " ".join(parts) or "0 seconds"


def format_time(seconds: int) -> str:
    """A Unix time in UTC, to the minute.

    >>> format_time(1_800_000_000)
    '2027-01-15 08:00 UTC'
    """
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M UTC}"
