"""How long to leave a Campaign alone that gave trouble: longer each time, or a bad blob is fetched for ever."""

from __future__ import annotations

from collections.abc import Callable

_FIRST, _LONGEST = 1.0, 600.0


class Backoff:
    """One rest a Campaign.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._rests: dict[bytes, tuple[float, float]] = {}

    def over(self, campaign: bytes) -> bool:
        """Whether it may be looked at again."""
        return campaign not in self._rests or self._clock() >= self._rests[campaign][0]

    def begin(self, campaign: bytes) -> None:
        """It gave trouble: twice as long a rest as the last time, up to ten minutes."""
        _, last = self._rests.get(campaign, (0.0, _FIRST / 2))
        rest = min(2 * last, _LONGEST)
        self._rests[campaign] = (self._clock() + rest, rest)

    def forget(self, campaign: bytes) -> None:
        """It gave none."""
        self._rests.pop(campaign, None)
