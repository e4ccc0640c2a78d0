"""Hours of a policy, held against a minute-by-minute reading of the same line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ape_mine.policy.time_windows import parse_hours
from sonar_core.base.errors import UsageError

DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
#: A Monday.
MONDAY = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "moment", "open_"),
    [
        ("22:00-06:00 UTC", "2026-11-30T21:59:59+00:00", False),
        ("22:00-06:00 UTC", "2026-11-30T22:00:00+00:00", True),
        ("22:00-06:00 UTC", "2026-12-01T05:59:59+00:00", True),
        ("22:00-06:00 UTC", "2026-12-01T06:00:00+00:00", False),
        ("22:00-06:00 Europe/Berlin", "2026-11-30T21:00:00+00:00", True),
        ("22:00-06:00 Europe/Berlin", "2026-07-30T20:00:00+00:00", True),  # summer time
        ("22:00-06:00 Europe/Berlin", "2026-07-30T19:59:00+00:00", False),
        ("Fri 22:00-06:00 UTC", "2026-12-05T05:00:00+00:00", True),  # the Saturday morning after
        ("Fri 22:00-06:00 UTC", "2026-12-04T05:00:00+00:00", False),  # the Friday morning before
        ("Sat,Sun 00:00-24:00 UTC", "2026-12-06T23:59:59+00:00", True),
        ("Sat,Sun 00:00-24:00 UTC", "2026-12-07T00:00:00+00:00", False),
        ("Sat-Mon 08:00-09:00 UTC", "2026-12-07T08:30:00+00:00", True),
        ("sat-mon 08:00-09:00 UTC", "2026-12-08T08:30:00+00:00", False),
        ("Mon-Fri 00:00-24:00 Asia/Tokyo", "2026-11-29T15:00:00+00:00", True),  # Monday in Tokyo
        ("12:00-00:00 UTC", "2026-11-30T23:59:00+00:00", True),
        ("12:00-00:00 UTC", "2026-11-30T00:00:00+00:00", False),
    ],
)
def test_a_window_by_its_own_zone(line: str, moment: str, open_: bool) -> None:
    assert parse_hours(line).include(datetime.fromisoformat(moment)) is open_


@given(
    days=st.sets(st.integers(0, 6), min_size=1),
    opens=st.integers(0, 1439),
    length=st.integers(1, 1439),
    minute=st.integers(0, 14 * 1440),
    zone=st.sampled_from(["UTC", "Asia/Kolkata", "America/Phoenix"]),
)
@example(days={6}, opens=1380, length=120, minute=0, zone="UTC")
def test_windows_agree_with_a_walk_through_the_week(
    days: set[int], opens: int, length: int, minute: int, zone: str
) -> None:
    """Zones without summer time, where a window is so many minutes from where it opens, on any day of the week."""
    closes = (opens + length) % 1440
    names = ",".join(DAYS[day] for day in sorted(days))
    line = f"{names} {opens // 60:02}:{opens % 60:02}-{closes // 60:02}:{closes % 60:02} {zone}"
    moment = MONDAY + timedelta(minutes=minute)
    offset = moment.astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None
    local = minute + offset // timedelta(minutes=1)

    inside = any(0 <= local - (day * 1440 + opens) - week * 10080 < length for day in days for week in range(-2, 4))

    assert parse_hours(line).include(moment) is inside


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("22:00-06:00", "no weekly window"),
        ("22-06 UTC", "no weekly window"),
        ("22:00-22:00 UTC", "whole day"),
        ("24:00-06:00 UTC", "whole day"),
        ("22:00-24:01 UTC", "24:01 is no time of day"),
        ("22:60-23:00 UTC", "22:60 is no time of day"),
        ("Mo-Fr 22:00-23:00 UTC", "unknown day"),
        ("Mon-Fri, 22:00-23:00 UTC", "unknown day"),
        ("22:00-23:00 Europe/Atlantis", "unknown time zone"),
        ("22:00-23:00 Europe", "unknown time zone"),
        ("22:00-23:00 a/../../etc/passwd", "no weekly window"),
        (None, "no weekly window"),
    ],
)
def test_what_is_no_window_is_refused(line: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_hours(line)
