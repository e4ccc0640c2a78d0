"""Mutants before the tests, two at a time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Any

import pytest

from tests.mutation import judge
from tests.mutation.mutants import Mutant
from tests.mutation.record import KILLED, SAME, SURVIVED, TIMED_OUT, Verdict
from tests.mutation.workshop import Compiled, Equality

_WORKERS = 2

#: Test -> its seconds and the functions of the contracts that ran in it.
Reached = dict[str, tuple[float, set[str]]]


class Trial:
    """Judges a mutant by the tests that run its function: first those that killed its neighbours, then the quick."""

    def __init__(self, items: list[pytest.Item], reached: Reached, compiled: dict[str, Compiled]) -> None:
        self._reached, self._compiled = reached, compiled
        self._items = sorted(items, key=lambda item: reached[item.nodeid][0])
        self._functions = set().union(*(functions for _, functions in reached.values()))
        self._kills: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._equality: Equality | None = None

    def verdict(self, mutant: Mutant) -> Verdict:
        failure = judge.first_failure(self._fitting(mutant), self._compiled[mutant.id].creation())
        if failure is None:
            return {"verdict": SAME if self._same(mutant) else SURVIVED}
        test, too_long = failure
        self._kills[_place(mutant)][test] += 1
        return {"verdict": TIMED_OUT if too_long else KILLED, "by": test}

    def _fitting(self, mutant: Mutant) -> list[pytest.Item]:
        place = _place(mutant)
        # Constructors and constants are part of everything.
        everything = place not in self._functions
        fitting = [item for item in self._items if everything or place in self._reached[item.nodeid][1]]
        return sorted(fitting, key=lambda item: -self._kills[place][item.nodeid])

    def _same(self, mutant: Mutant) -> bool:
        if self._equality is None:
            self._equality = Equality()
        return self._equality.holds(mutant)


def _place(mutant: Mutant) -> str:
    return f"{mutant.file} {mutant.function}"


#: What a worker does, and with what; it is a fork that began with both.
_worker: tuple[Callable[[Any], Any], Sequence[Any]] | None = None


def side_by_side(work: Callable[[Any], Any], tasks: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Each task with its answer, as they come, from forks of this process that keep what they learn."""
    global _worker
    _worker = work, tasks
    with ProcessPoolExecutor(_WORKERS, mp_context=get_context("fork")) as pool:
        waiting = {pool.submit(_answer, place): place for place in range(len(tasks))}
        for future in as_completed(waiting):
            yield tasks[waiting[future]], future.result()


def _answer(place: int) -> Any:
    assert _worker is not None
    work, tasks = _worker
    return work(tasks[place])
