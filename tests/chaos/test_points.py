"""Every fault at every point where it can be, one after the other: the story ends as without faults."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.chaos.points import (
    LASTING,
    STORING,
    TALKING,
    WRITING,
    EachOnce,
    cut_off,
    disk_full,
    killed,
    store_down,
    wired,
)
from tests.chaos.town import PARTIES, Outcome, Town

FAULTS = {
    "killed": (LASTING, killed),
    "disk full": (WRITING, disk_full),
    "connection cut": (TALKING, cut_off),
    "store down": (STORING, store_down),
}


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_at_every_point_changes_nothing(
    fault: str, build: Callable[..., Town], faultless: Callable[..., Outcome], capsys: Any
) -> None:
    kinds, raised = FAULTS[fault]
    town = build()
    town.points.fate = fate = EachOnce(kinds, raised)
    with wired(town.points):
        outcome = town.play()
    assert outcome.held == 0
    assert outcome == faultless(outcome.order)
    met = Counter(point.party for point in fate.met)
    assert set(met) == set(PARTIES)
    with capsys.disabled():
        print(f"\n{fault}: {len(fate.met)} points passed: {dict(met)}")  # noqa: T201 - figures of the test's
