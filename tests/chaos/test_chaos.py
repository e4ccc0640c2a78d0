"""Histories of random faults for a bounded time: each ends with the ledger that it would have had without any.

SEED=... plays one history again, DURATION=... (seconds) says for how long new ones are begun.
"""

from __future__ import annotations

import os
import secrets
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.chaos.chaos import Chaos
from tests.chaos.points import wired
from tests.chaos.town import Outcome, Town

DURATION = float(os.environ.get("DURATION", "60"))
_SEED = os.environ.get("SEED")


@pytest.mark.timeout(DURATION + 600)
def test_whatever_happens_the_ledger_is_that_of_a_run_without_faults(
    build: Callable[..., Town], faultless: Callable[..., Outcome], capsys: Any
) -> None:
    seed, end = int(_SEED, 0) if _SEED else secrets.randbits(32), time.monotonic() + DURATION
    injected: Counter[str] = Counter()
    points = histories = kills = 0
    with capsys.disabled():
        while histories == 0 or time.monotonic() < end:
            print(f"\nhistory {histories}: SEED={seed}", end="", flush=True)
            town = build()
            chaos = Chaos(town, seed)
            with wired(town.points):
                outcome = town.play()
            _judge(outcome, faultless(outcome.order))
            injected += chaos.injected
            points += sum(town.points.seen.values())
            histories, kills, seed = histories + 1, kills + town.kills, seed + 1
        print(f"\n{histories} histories, {points} points passed, {injected.total()} faults, {kills} kills and restarts")
        for name, number in sorted(injected.items()):
            print(f"  {name:20} {number:5}")


def _judge(outcome: Outcome, expected: Outcome) -> None:
    """Every wei is accounted for, nothing counted twice, and everything else is as it would have been."""
    for account in outcome.accounts:
        assert account.escrowed == account.paid
        assert account.scoring_escrowed == account.scoring_paid
    assert outcome.held == 0
    assert outcome == expected
