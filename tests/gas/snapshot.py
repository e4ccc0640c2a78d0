"""What each transaction cost when its cost was last looked at and found right: one file, a line a transaction."""

from __future__ import annotations

import json
from pathlib import Path

PATH = Path(__file__).parents[1] / "snapshots" / "gas.json"
#: A rise beyond this is to be explained: by a commit that writes the snapshot anew.
_LARGEST_RISE = 0.01


def read() -> dict[str, int]:
    """Gas by transaction."""
    return json.loads(PATH.read_text())


def write(gas: dict[str, int]) -> None:
    """Makes today's figures the ones to compare with."""
    PATH.write_text(json.dumps(gas, indent=2) + "\n")


def rises(before: dict[str, int], now: dict[str, int]) -> list[str]:
    """What became dearer by more than 1 %, appeared or vanished, a sentence each.

    >>> rises({"a": 1000, "b": 1000, "c": 1}, {"a": 1010, "b": 1011, "d": 1})
    ['b: 1,000 to 1,011', 'c is not measured any more', 'd is new']
    """
    dearer = [
        f"{name}: {before[name]:,} to {gas:,}"
        for name, gas in now.items()
        if name in before and gas > before[name] * (1 + _LARGEST_RISE)
    ]
    gone = [f"{name} is not measured any more" for name in before if name not in now]
    return dearer + gone + [f"{name} is new" for name in now if name not in before]
