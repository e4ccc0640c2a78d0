"""Histories of random faults for a bounded time: each ends with the ledger that it would have had without any.

SEED is that of the first history, and each next one has the next; DURATION says for how many seconds new ones begin.
"""

from __future__ import annotations

import os
import secrets
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.chaos.chaos import Chaos
from tests.chaos.points import wired
from tests.chaos.town import Outcome, Town

DURATION = float(os.environ.get("DURATION", "60"))
_SEED = os.environ.get("SEED")


@dataclass
class Figures:
    """What was seen in all histories."""

    histories: int = 0
    points: int = 0
    kills: int = 0
    injected: Counter[str] = field(default_factory=Counter)

    def add(self, town: Town, chaos: Chaos) -> None:
        self.histories += 1
        self.points += sum(town.points.seen.values())
        self.kills += town.kills
        self.injected += chaos.injected

    def __str__(self) -> str:
        total = f"{self.histories} histories, {self.points} points passed, {self.injected.total()} faults"
        lines = [f"  {name:22} {number:5}" for name, number in sorted(self.injected.items())]
        return "\n".join([f"{total}, {self.kills} kills and new starts", *lines])


@pytest.mark.timeout(DURATION + 1800)
def test_whatever_happens_the_ledger_is_that_of_a_run_without_faults(
    build: Callable[..., Town], faultless: Callable[..., Outcome], capsys: Any
) -> None:
    seed, end = int(_SEED, 0) if _SEED else secrets.randbits(32), time.monotonic() + DURATION
    figures = Figures()
    while not figures.histories or time.monotonic() < end:
        _tell(capsys, f"history {figures.histories}: SEED={seed + figures.histories}")
        town = build()
        chaos = Chaos(town, seed + figures.histories)
        with wired(town.points):
            outcome = town.play()
        _judge(outcome, faultless(outcome.order))
        figures.add(town, chaos)
    _tell(capsys, figures)


def _judge(outcome: Outcome, expected: Outcome) -> None:
    """Every wei is accounted for, nothing counted twice, and everything else is as it would have been."""
    for account in outcome.accounts:
        assert account.escrowed == account.paid
        assert account.scoring_escrowed == account.scoring_paid
    assert outcome.held == 0
    assert outcome == expected


def _tell(capsys: Any, words: object) -> None:
    with capsys.disabled():
        print(f"\n{words}", end="", flush=True)  # noqa: T201 - which seed to replay, and figures
