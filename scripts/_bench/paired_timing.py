"""Paired timings: tasks run in turn, and ratios are taken within a turn, so that drifts of the machine cancel."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

#: Least and largest number of turns, and the seconds after which no further turn begins.
_LEAST, _MOST, _SECONDS = 3, 25, 12.0


@dataclass(frozen=True)
class Pair:
    """Medians over all turns: of both times in seconds, and of the turns' ratios; and the number of turns."""

    ours_s: float
    peer_s: float
    ratio: float
    pairs: int


def in_turn(tasks: Mapping[str, Callable[[], float]]) -> list[dict[str, float]]:
    """The times of each turn, in seconds, by task.

    Args:
        tasks: each runs once per call and returns its time in seconds.
    """
    turns: list[dict[str, float]] = []
    end = time.monotonic() + _SECONDS
    while len(turns) < _LEAST or (len(turns) < _MOST and time.monotonic() < end):
        turns.append({name: timed() for name, timed in tasks.items()})
    return turns


def pair(turns: Sequence[Mapping[str, float]], ours: str, peer: str, share: float = 1.0) -> Pair:
    """The pair of two tasks, one of which ran only a share of its work."""
    times = [(turn[ours], turn[peer] / share) for turn in turns]
    return Pair(
        median(own for own, _ in times),
        median(other for _, other in times),
        median(other / own for own, other in times),
        len(times),
    )
