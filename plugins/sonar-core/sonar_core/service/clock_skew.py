"""This machine's clock, held against the chain's. Pure."""

from __future__ import annotations

#: Seconds by which a clock may lag behind the newest block: blocks are no later than the clocks of those who make them.
_MOST_LAG = 15


def seconds_behind(block_time: int, now: int) -> int:
    """By how much a clock is behind the newest block; 0 where it may be right. Unix seconds.

    >>> seconds_behind(1000, 990), seconds_behind(4600, 1000)
    (0, 3600)
    """
    lag = block_time - now
    return lag if lag > _MOST_LAG else 0
