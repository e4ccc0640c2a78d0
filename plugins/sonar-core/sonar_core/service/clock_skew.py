"""Lag of this machine's clock behind the newest block. Pure."""

from __future__ import annotations

#: Tolerated lag behind the newest block, in seconds. A block's time is never ahead of its maker's clock.
_MOST_LAG = 15


def seconds_behind(block_time: int, now: int) -> int:
    """Seconds by which a clock lags behind the newest block; 0 if it may be right. Arguments in Unix seconds.

    >>> seconds_behind(1000, 990), seconds_behind(4600, 1000)
    (0, 3600)
    """
    lag = block_time - now
    return lag if lag > _MOST_LAG else 0
