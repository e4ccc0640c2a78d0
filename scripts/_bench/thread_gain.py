"""The gain of two threads over one, of a round and of bare multiplications on the same two cores.

Two cores are rarely twice as fast as one: they share caches, power and a clock. The goal is therefore relative: the
gain of a round as a share of the gain of bare multiplications, measured in the same turns.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from statistics import median
from typing import Any

from scripts._bench.comparisons import WIDE
from scripts._bench.paired_timing import in_turn, pair
from scripts._bench.processes import task_process
from scripts._bench.report import machine
from syft.kernel import kernel_name

#: Least gain of a round's second thread, as a share of the gain of bare multiplications.
GOAL = 0.95
_NAMES = {"round": "784 x 10, round, two threads", "multiply": "bare multiplications, two threads"}


def thread_gain(key: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One result per task, like those of the comparisons; `score`, the round's share, is held to `goal`."""
    with ExitStack() as stack:
        tasks = {}
        for task in _NAMES:
            for threads in (1, 2):
                name = f"{task} {threads}"
                process = stack.enter_context(task_process(name, "syft_tasks", cores=threads))
                process.prepare(task, {**key, **WIDE, "threads": threads})
                tasks[name] = process.time
        turns = in_turn(tasks)
    share = median(_gain(turn, "round") / _gain(turn, "multiply") for turn in turns)
    scores = {"round": {"score": share, "goal": GOAL, "goal_of": "a share of the gain of bare multiplications"}}
    return [
        {
            "name": name,
            "n_bits": key["n_bits"],
            **asdict(pair(turns, f"{task} 2", f"{task} 1")),
            "peer": "one thread",
            **scores.get(task, {"score": None, "goal": None}),
            "kernel": kernel_name(),
            "machine": machine(),
        }
        for task, name in _NAMES.items()
    ]


def _gain(turn: Mapping[str, float], task: str) -> float:
    return turn[f"{task} 1"] / turn[f"{task} 2"]
