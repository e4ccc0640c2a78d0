"""Mutants before the tests, two at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from enum import IntEnum
from multiprocessing import get_context
from typing import Any

import pytest

from tests.mutation import judge
from tests.mutation.judge import Histories
from tests.mutation.mutants import Mutant
from tests.mutation.record import KILLED, SURVIVED, TIMED_OUT, Verdict
from tests.mutation.replay import answers
from tests.mutation.workshop import Compiled

_WORKERS = 2
#: So many of the quickest histories are played before the first test is run, and as often again.
_AT_ONCE = 40


class Difference(IntEnum):
    """What a test sees; the likelier it fails of it, the smaller."""

    REFUSAL = 1
    OTHER = 2


class Trial:
    """Judges a mutant: plays every test's history against it, and runs those tests whose chain answers otherwise.

    A test without such a difference cannot fail. Quick tests come first, and among these such as see something refused
    that went through, or the reverse.
    """

    def __init__(
        self, items: list[pytest.Item], histories: Histories, original: dict[str, str], compiled: dict[str, Compiled]
    ) -> None:
        self._compiled, self._funds = compiled, judge.funds()
        self._items = sorted(items, key=lambda item: histories[item.nodeid][0])
        self._steps = {test: steps for test, (_, steps) in histories.items()}
        self._answers = {test: list(answers(steps, self._funds, original)) for test, steps in self._steps.items()}

    def verdict(self, mutant: Mutant) -> Verdict:
        codes, seen = self._compiled[mutant.id].creation(), 0
        for start in range(0, len(self._items), _AT_ONCE):
            some = self._items[start : start + _AT_ONCE]
            told = {item: difference for item in some if (difference := self._difference(item.nodeid, codes))}
            seen += len(told)
            failure = judge.first_failure(sorted(told, key=lambda item: told[item]), codes) if told else None
            if failure is not None:
                test, too_long = failure
                return {"verdict": TIMED_OUT if too_long else KILLED, "by": test}
        return {"verdict": SURVIVED, "seen": seen}

    def _difference(self, test: str, codes: dict[str, str]) -> Difference | None:
        """The first one."""
        ordinary = self._answers[test]
        for one, other in zip(ordinary, answers(self._steps[test], self._funds, codes), strict=True):
            if one != other:
                refused = isinstance(one, tuple) and one[0] != other[0]
                return Difference.REFUSAL if refused else Difference.OTHER
        return None


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
