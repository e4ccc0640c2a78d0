"""Ratios and goals of the benchmark's results."""

import pytest

from scripts._bench.paired_timing import in_turn, pair
from scripts._bench.report import is_missed


def test_ratios_are_taken_within_a_turn():
    turns = [{"ours": 1.0, "peer": 3.0}, {"ours": 2.0, "peer": 8.0}, {"ours": 4.0, "peer": 8.0}]
    found = pair(turns, "ours", "peer")
    assert (found.ours_s, found.peer_s, found.ratio, found.pairs) == (2.0, 8.0, 3.0, 3)


def test_a_share_of_the_work_is_extrapolated():
    assert pair([{"ours": 1.0, "peer": 3.0}], "ours", "peer", share=0.1).peer_s == pytest.approx(30)


def test_every_turn_runs_every_task_in_order():
    order = []
    tasks = {name: lambda name=name: order.append(name) or 5.0 for name in ("a", "b")}
    turns = in_turn(tasks)
    assert turns == [{"a": 5.0, "b": 5.0}] * len(turns)
    assert order == ["a", "b"] * len(turns)


@pytest.mark.parametrize(
    ("goal", "score", "missed"), [(None, None, False), (0.95, 0.94, True), (0.95, 0.95, False), (300, 575.0, False)]
)
def test_a_goal_is_held_against_the_score(goal, score, missed):
    assert is_missed({"goal": goal, "score": score}) is missed
