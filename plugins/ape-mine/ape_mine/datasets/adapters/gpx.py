"""GPX files (topografix.com/GPX/1/1): one row per track, with length, duration and ascent, but no location."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from math import asin, cos, isfinite, radians, sin, sqrt

from ape_mine.datasets.adapters.base import Record, Request, SchemaPublished
from ape_mine.datasets.adapters.bounded_files import FileSource
from ape_mine.datasets.adapters.timestamps import unix_seconds
from ape_mine.datasets.adapters.xml_stream import xml_events

_EARTH_METRES = 6_371_008.8


class Gpx(SchemaPublished):
    """Tracks; the id is a hash of start time and start location."""

    name = "gpx"
    summary = "GPX files (one, a folder, or a .zip archive): one row per track"
    published = "track"

    def records(self, request: Request) -> Iterator[Record]:
        source, row = FileSource(request.location, "GPX file"), 0
        for name in source.find(r"(?i).*\.gpx"):
            with source.open(name) as file:
                track = _Track()
                for kind, tag, parts in xml_events(file, f"{request.location} {name}".strip()):
                    if (kind, tag) == ("start", "trk"):
                        track = _Track()
                    elif (kind, tag) == ("end", "trk"):
                        row += 1
                        yield track.record(row)
                    else:
                        track.take(kind, tag, parts)


@dataclass(slots=True)
class _Point:
    latitude: float
    longitude: float
    height: float | None = None
    at: int | None = None


class _Track:
    """Running sums over the points of one track."""

    def __init__(self) -> None:
        self._activity = ""
        self._point: _Point | None = None
        self._first: _Point | None = None
        self._last: _Point | None = None
        self._joined = False
        self._points, self._broken = 0, 0
        self._metres = self._up = self._down = 0.0

    def take(self, kind: str, tag: str, parts: dict[str, str]) -> None:
        """Takes the start or end of an XML element in the track."""
        if kind == "start":
            if tag == "trkseg":
                self._joined = False
            elif tag == "trkpt":
                self._point = _point(parts)
            return
        text = parts[""].strip()
        if tag == "type" and self._point is None:
            self._activity = text
        elif self._point is not None and tag == "ele":
            self._point.height = _number(text, -12_000, 100_000)
        elif self._point is not None and tag == "time":
            self._point.at = unix_seconds(text)
        elif tag == "trkpt":
            self._add(self._point)
            self._point = None

    def _add(self, point: _Point | None) -> None:
        if point is None or point.at is None:
            self._broken += 1
            return
        if self._last is not None and self._joined:
            self._metres += _distance(self._last, point)
            if point.height is not None and self._last.height is not None:
                rise = point.height - self._last.height
                self._up, self._down = self._up + max(rise, 0), self._down + max(-rise, 0)
        self._first = self._first or point
        self._last, self._joined, self._points = point, True, self._points + 1

    def record(self, row: int) -> Record:
        first, last = self._first, self._last
        if first is None or last is None or first.at is None or last.at is None or self._broken:
            return Record(row, {}, fault="has no point, or a point without location or time")
        begins = datetime.fromtimestamp(first.at, UTC)
        seconds = last.at - first.at
        cells = {
            "activity": self._activity or "unknown",
            "started_at": first.at,
            "hour": begins.hour,
            "weekday": begins.isoweekday(),
            "duration_s": seconds,
            "distance_m": round(self._metres, 3),
            "ascent_m": round(self._up, 3),
            "descent_m": round(self._down, 3),
            "speed_mps": round(self._metres / seconds, 6) if seconds > 0 else 0.0,
            "points": self._points,
        }
        start = f"{first.at} {first.latitude!r} {first.longitude!r}"
        return Record(row, cells, hashlib.sha256(start.encode()).hexdigest())


def _point(attributes: dict[str, str]) -> _Point | None:
    latitude, longitude = _number(attributes.get("lat", ""), -90, 90), _number(attributes.get("lon", ""), -180, 180)
    return None if latitude is None or longitude is None else _Point(latitude, longitude)


def _number(text: str, least: float, most: float) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) and least <= value <= most else None


def _distance(one: _Point, other: _Point) -> float:
    """Great-circle distance in metres (haversine formula)."""
    north, south = radians(one.latitude), radians(other.latitude)
    across = radians(other.longitude - one.longitude)
    half = sin((south - north) / 2) ** 2 + cos(north) * cos(south) * sin(across / 2) ** 2
    return 2 * _EARTH_METRES * asin(min(1.0, sqrt(half)))
