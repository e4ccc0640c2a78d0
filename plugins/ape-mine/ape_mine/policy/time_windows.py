"""Weekly hours in which a Mine may begin work. Pure: a line of the policy and a time in, yes or no out.

    22:00-06:00 Europe/Berlin             every night; a window belongs to the day on which it opens
    Mon-Fri 18:30-24:00 America/New_York
    Sat,Sun 00:00-24:00 UTC

The machine's clock counts, since the hours are about its site (power, people, a quiet machine); the chain's clock
stands still between blocks. The time zone is always written out: a machine's own is often not its owner's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sonar_core.base.errors import UsageError

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LINE = re.compile(r"(?:([A-Za-z,-]+)\s+)?(\d\d):(\d\d)-(\d\d):(\d\d)\s+([A-Za-z][\w+/-]{0,63})")
_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class TimeWindows:
    """A weekly window. Made by `parse_hours`.

    Attributes:
        days: days on which it opens, 0 for Monday.
        opens, closes: minutes after midnight, opens <= time < closes; it ends on the next day if closes <= opens.
        zone: time zone of the hours.
        text: as written.
    """

    days: frozenset[int]
    opens: int
    closes: int
    zone: ZoneInfo
    text: str

    def __str__(self) -> str:
        return self.text

    def include(self, time: datetime) -> bool:
        """Whether a time, which has a time zone, is in the window; daylight saving time is respected."""
        local = time.astimezone(self.zone)
        minute = local.hour * 60 + local.minute
        today, yesterday = local.weekday() in self.days, (local - timedelta(days=1)).weekday() in self.days
        if self.opens < self.closes:
            return today and self.opens <= minute < self.closes
        return (today and minute >= self.opens) or (yesterday and minute < self.closes)


def parse_hours(text: str) -> TimeWindows:
    """Parses a window.

    Raises:
        UsageError: not a window, or an unknown day, hour or time zone.

    >>> str(parse_hours("Mon-Fri 22:00-06:00 Europe/Berlin"))
    'Mon-Fri 22:00-06:00 Europe/Berlin'
    """
    match = _LINE.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise UsageError(f"{text!r:.80} is no weekly window: write one such as 'Mon-Fri 22:00-06:00 Europe/Berlin'")
    opens, closes = _minute(match[2], match[3], text), _minute(match[4], match[5], text)
    if opens in (closes, _MINUTES):
        raise UsageError(f"{text!r:.80} is empty: for a whole day write 00:00-24:00")
    return TimeWindows(_days(match[1]), opens, closes, _zone(match[6]), text.strip())


def _minute(hour: str, minute: str, text: str) -> int:
    found = int(hour) * 60 + int(minute)
    if int(minute) > 59 or found > _MINUTES:
        raise UsageError(f"{text!r:.80}: {hour}:{minute} is no time of day; a day goes from 00:00 to 24:00")
    return found


def _days(text: str | None) -> frozenset[int]:
    if text is None:
        return frozenset(range(7))
    days: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        start, stop = _day(first, text), _day(last or first, text)
        days.update((start + step) % 7 for step in range((stop - start) % 7 + 1))
    return frozenset(days)


def _day(name: str, text: str) -> int:
    if name.lower() not in _DAYS:
        raise UsageError(f"{text!r:.80} has an unknown day: write Mon, Tue, ..., Sun, 'Mon-Fri' or 'Sat,Sun'")
    return _DAYS.index(name.lower())


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise UsageError(f"unknown time zone {name!r}: write one such as 'Europe/Berlin' or 'UTC'") from None
