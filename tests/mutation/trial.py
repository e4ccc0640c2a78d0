"""Mutants before the tests, two at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Any, NamedTuple

import pytest

from tests.mutation import judge, record
from tests.mutation.judge import Histories
from tests.mutation.mutants import Mutant
from tests.mutation.record import KILLED, SURVIVED, TIMED_OUT, Verdict
from tests.mutation.replay import answers
from tests.mutation.workshop import Compiled

_WORKERS = 2
#: So many of the quickest histories are played before the first test is run, and as often again.
_AT_ONCE = 40
#: So many tests are run that see the same difference before all others.
_ALIKE = 4
#: Hex digits that name a function.
_SELECTOR = 8


class Difference(NamedTuple):
    """The first that a test sees: which function answers otherwise; plain where it is no refusal, on neither side.

    Ordered by how likely the test fails of it.
    """

    is_plain: bool
    function: str


class Trial:
    """Judges a mutant: plays every test's history against it, and runs those tests whose chain answers otherwise.

    A test without such a difference cannot fail. The test that killed it the last time comes first, then quick ones,
    and among these such as see something refused that went through, or the reverse. Of many that see the same
    difference most come last.
    """

    def __init__(
        self, items: list[pytest.Item], histories: Histories, original: dict[str, str], compiled: dict[str, Compiled]
    ) -> None:
        self._compiled, self._funds = compiled, judge.funds()
        self._killers = {one: row.get("by") for one, row in record.read().items()}
        self._items = sorted(items, key=lambda item: histories[item.nodeid][0])
        self._steps = {test: steps for test, (_, steps) in histories.items()}
        self._answers = {test: list(answers(steps, self._funds, original)) for test, steps in self._steps.items()}

    def verdict(self, mutant: Mutant) -> Verdict:
        codes = self._compiled[mutant.id].creation()
        former = [item for item in self._items if item.nodeid == self._killers.get(mutant.id)]
        if killed := _killed(former, codes):
            return killed
        seen: Counter[Difference] = Counter()
        unlikely = []
        for start in range(0, len(self._items), _AT_ONCE):
            likely = []
            for item in self._items[start : start + _AT_ONCE]:
                difference = self._difference(item.nodeid, codes)
                if difference is not None:
                    seen[difference] += 1
                    (likely if seen[difference] <= _ALIKE else unlikely).append((difference, item))
            if killed := _killed(_likeliest_first(likely), codes):
                return killed
        return _killed(_likeliest_first(unlikely), codes) or {"verdict": SURVIVED, "seen": seen.total()}

    def _difference(self, test: str, codes: dict[str, str]) -> Difference | None:
        ordinary, steps = self._answers[test], self._steps[test]
        for step, one, other in zip(steps, ordinary, answers(steps, self._funds, codes), strict=True):
            if one != other:
                is_refusal = isinstance(one, tuple) and one[0] != other[0]
                return Difference(not is_refusal, step.data[:_SELECTOR])
        return None


def _likeliest_first(some: list[tuple[Difference, pytest.Item]]) -> list[pytest.Item]:
    return [item for _, item in sorted(some, key=lambda one: one[0])]


def _killed(items: list[pytest.Item], codes: dict[str, str]) -> Verdict | None:
    failure = judge.first_failure(items, codes) if items else None
    if failure is None:
        return None
    test, too_long = failure
    return {"verdict": TIMED_OUT if too_long else KILLED, "by": test}


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
