"""Apple Health's export: export.xml of any size, read as a stream into one row per day.

Devices that count the same steps are not added up: of each measure the device with the day's largest value counts, as
in Apple's own summary of devices with equal priority.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime

from ape_mine.datasets.adapters.base import Record, Request, SchemaPublished
from ape_mine.datasets.adapters.bounded_files import FileSource
from ape_mine.datasets.adapters.xml_stream import xml_events
from ape_mine.errors import SourceError

_MOST_DAYS = 100_000
_MOST_SOURCES = 10_000
#: Column of a measure, and the factor from each unit to the column's unit.
_SUMS = {
    "HKQuantityTypeIdentifierStepCount": ("steps", {"count": 1.0}),
    "HKQuantityTypeIdentifierDistanceWalkingRunning": ("distance_km", {"km": 1.0, "m": 0.001, "mi": 1.609344}),
    "HKQuantityTypeIdentifierFlightsClimbed": ("flights", {"count": 1.0}),
    "HKQuantityTypeIdentifierActiveEnergyBurned": ("active_kcal", {"kcal": 1.0, "Cal": 1.0, "kJ": 1 / 4.184}),
}
_MEANS = {
    "HKQuantityTypeIdentifierHeartRate": ("heart_rate", {"count/min": 1.0}),
    "HKQuantityTypeIdentifierRestingHeartRate": ("resting_heart_rate", {"count/min": 1.0}),
    "HKQuantityTypeIdentifierBodyMass": ("body_mass_kg", {"kg": 1.0, "lb": 0.45359237, "g": 0.001}),
}
_SLEEP = "HKCategoryTypeIdentifierSleepAnalysis"
_TIME = "%Y-%m-%d %H:%M:%S %z"


@dataclass(slots=True)
class _Day:
    sums: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    means: dict[str, tuple[float, int]] = field(default_factory=dict)


class AppleHealth(SchemaPublished):
    """One row per day, with the date as id; the next export replaces a day that was not over."""

    name = "apple-health"
    summary = "Apple Health's export (export.zip, its folder, or export.xml): one row per day"
    published = "health-day"

    def records(self, request: Request) -> Iterator[Record]:
        source = FileSource(request.location, "export.xml")
        days: dict[str, _Day] = {}
        names: set[str] = set()
        for name in source.find(r"(?:.*/)?export\.xml"):
            where = f"{request.location} {name}".strip()
            with source.open(name) as file:
                for kind, tag, attributes in xml_events(file, where):
                    if kind == "start" and tag == "Record":
                        names.add(attributes.get("sourceName", ""))
                        if len(names) > _MOST_SOURCES:
                            raise SourceError(where, f"names more than {_MOST_SOURCES} devices")
                        _take(days, attributes, where)
        for row, day in enumerate(sorted(days), start=1):
            yield Record(row, _cells(day, days[day]), day)


def _take(days: dict[str, _Day], record: dict[str, str], where: str) -> None:
    """Adds a record to its day. Records of unknown types or units, and malformed ones, are ignored."""
    kind, source = record.get("type", ""), record.get("sourceName", "")
    if kind in _SUMS or kind in _MEANS:
        name, units = _SUMS.get(kind) or _MEANS[kind]
        factor, day = units.get(record.get("unit", "")), _date(record.get("startDate", ""))
        value = _float(record.get("value", ""))
        if factor is None or day is None or value is None:
            return
        kept = _day(days, day, where)
        if kind in _SUMS:
            kept.sums[name, source] += value * factor
        else:
            total, count = kept.means.get(name, (0.0, 0))
            kept.means[name] = (total + value * factor, count + 1)
    elif kind == _SLEEP and "Asleep" in record.get("value", ""):
        start, end = _local_time(record.get("startDate", "")), _local_time(record.get("endDate", ""))
        if start and end and end > start:
            kept = _day(days, end.date().isoformat(), where)
            kept.sums["sleep_hours", source] += (end - start).total_seconds() / 3600


def _day(days: dict[str, _Day], day: str, where: str) -> _Day:
    if day not in days and len(days) >= _MOST_DAYS:
        raise SourceError(where, f"has more than {_MOST_DAYS} days")
    return days.setdefault(day, _Day())


def _cells(day: str, kept: _Day) -> dict[str, object]:
    when = date.fromisoformat(day)
    cells: dict[str, object] = {"day": (when - date(1970, 1, 1)).days, "weekday": when.isoweekday()}
    for name in (*(column for column, _ in _SUMS.values()), "sleep_hours"):
        cells[name] = round(max((value for (other, _), value in kept.sums.items() if other == name), default=0.0), 6)
    for name, _ in _MEANS.values():
        total, count = kept.means.get(name, (0.0, 0))
        cells[name], cells[f"has_{name}"] = round(total / max(count, 1), 6), count > 0
    return cells


def _date(text: str) -> str | None:
    time = _local_time(text)
    return time.date().isoformat() if time else None


def _local_time(text: str) -> datetime | None:
    """A time with its local UTC offset, so that days are the Miner's local days."""
    try:
        return datetime.strptime(text, _TIME)
    except ValueError:
        return None


def _float(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < 1e12 else None
