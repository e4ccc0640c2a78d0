"""Mutants before the tests, two at a time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from statistics import median
from typing import Any

import pytest

from tests.mutation import judge
from tests.mutation.judge import Reached
from tests.mutation.mutants import Mutant
from tests.mutation.record import KILLED, PENDING, SAME, SURVIVED, TIMED_OUT, Verdict
from tests.mutation.workshop import Compiled, Equality

_WORKERS = 2
#: So many tests of each kind are tried first.
_LIKELY = 5
#: What takes so many times as long as the middle of all tests is tried last.
_SLOW = 6


class Trial:
    """Judges a mutant by the tests that run its statement.

    First come those that are rare in running a part of it (a refusal is told by few), then those that killed its
    neighbours, then the quick ones.
    """

    def __init__(self, items: list[pytest.Item], reached: Reached, compiled: dict[str, Compiled]) -> None:
        self._reached, self._compiled = reached, compiled
        self._items = sorted(items, key=lambda item: reached[item.nodeid][0])
        self._median = median(seconds for seconds, _ in reached.values())
        self._common = Counter(place for _, places in reached.values() for place in places)
        self._kills: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        self._equality: Equality | None = None

    def quick(self, mutant: Mutant) -> Verdict:
        """By the few tests that are likeliest to kill it: what they let pass is PENDING."""
        return self._verdict(mutant, self._likely(mutant), PENDING)

    def slow(self, mutant: Mutant) -> Verdict:
        """By every test that comes by; what they all let pass may be the same program."""
        verdict = self._verdict(mutant, sorted(self._fitting(mutant), key=self._is_slow), SURVIVED)
        return {"verdict": SAME} if verdict["verdict"] == SURVIVED and self._same(mutant) else verdict

    def _likely(self, mutant: Mutant) -> list[pytest.Item]:
        """The rarest, and the quickest."""
        fitting = [item for item in self._fitting(mutant) if not self._is_slow(item)]
        quickest = [item for item in self._items if item in fitting[_LIKELY:]]
        return fitting[:_LIKELY] + quickest[:_LIKELY]

    def _verdict(self, mutant: Mutant, items: list[pytest.Item], otherwise: str) -> Verdict:
        failure = judge.first_failure(items, self._compiled[mutant.id].creation()) if items else None
        if failure is None:
            return {"verdict": otherwise}
        test, too_long = failure
        self._kills[mutant.file, mutant.function][test] += 1
        return {"verdict": TIMED_OUT if too_long else KILLED, "by": test}

    def _is_slow(self, item: pytest.Item) -> bool:
        return self._reached[item.nodeid][0] > _SLOW * self._median

    def _fitting(self, mutant: Mutant) -> list[pytest.Item]:
        rarest = {item.nodeid: self._rarest(item.nodeid, mutant) for item in self._items}
        # What no test seems to run, such as a constant, is part of everything.
        some = [item for item in self._items if rarest[item.nodeid]] or self._items
        kills = self._kills[mutant.file, mutant.function]
        return sorted(some, key=lambda item: (rarest[item.nodeid], -kills[item.nodeid]))

    def _rarest(self, test: str, mutant: Mutant) -> int:
        """By how many tests that part of the statement is run which the fewest run beside this one; 0: it runs none."""
        first, last = mutant.statement or (0, 0)
        inside = (
            self._common[place]
            for place in self._reached[test][1]
            if place[0] == mutant.file and first <= place[1] and place[2] <= last
        )
        return min(inside, default=0)

    def _same(self, mutant: Mutant) -> bool:
        if self._equality is None:
            self._equality = Equality()
        return self._equality.holds(mutant)


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
