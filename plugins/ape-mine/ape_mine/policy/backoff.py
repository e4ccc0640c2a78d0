"""Exponential back-off per Campaign: one that failed is retried after 1 s, 2 s, 4 s, ... up to ten minutes."""

from __future__ import annotations

from collections.abc import Callable

_FIRST_SECONDS, _LONGEST_SECONDS = 1.0, 600.0


class Backoff:
    """Delays before the next attempt, by Campaign.

    Args:
        clock: monotonic, in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        #: Time of the next attempt, and the last delay, in seconds.
        self._delays: dict[bytes, tuple[float, float]] = {}

    def is_over(self, campaign: bytes) -> bool:
        """Whether the Campaign may be tried again."""
        return campaign not in self._delays or self._clock() >= self._delays[campaign][0]

    def start(self, campaign: bytes) -> None:
        """Notes a failure: the delay is twice the last one."""
        _, last = self._delays.get(campaign, (0.0, _FIRST_SECONDS / 2))
        delay = min(2 * last, _LONGEST_SECONDS)
        self._delays[campaign] = (self._clock() + delay, delay)

    def reset(self, campaign: bytes) -> None:
        """Notes a success: the next failure starts with the shortest delay."""
        self._delays.pop(campaign, None)
