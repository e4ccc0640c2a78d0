"""Paired timings: in turn, ours and the peer's, until there are enough of both."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

#: Pairs at least, and at most; seconds after which no further pair is begun.
_LEAST, _MOST, _SECONDS = 3, 25, 12.0


@dataclass(frozen=True)
class Pair:
    """Medians over all pairs, in seconds, and that of the pairs' ratios."""

    ours_s: float
    peer_s: float
    ratio: float
    pairs: int


def paired(ours: Mapping[str, Callable[[], float]], peer: Callable[[], float], share: float = 1.0) -> dict[str, Pair]:
    """Times each of ours and the peer in turn; a peer's time of a part of its work is made that of the whole."""
    times: list[tuple[dict[str, float], float]] = []
    end = time.monotonic() + _SECONDS
    while len(times) < _LEAST or (len(times) < _MOST and time.monotonic() < end):
        times.append(({name: timed() for name, timed in ours.items()}, peer() / share))
    return {name: _pair([(own[name], other) for own, other in times]) for name in ours}


def _pair(times: Sequence[tuple[float, float]]) -> Pair:
    return Pair(
        median(own for own, _ in times),
        median(other for _, other in times),
        median(other / own for own, other in times),
        len(times),
    )
