"""Who watches a service: one interface, which the loops call, and logs, metrics, health and supervisor implement."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sonar_core.service.action import Action

_log = logging.getLogger(__name__)
#: Seconds between two looks at what changes slowly; each asks the node.
_LOOK_EVERY = 5.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a dataset may still tell.

    Attributes:
        dataset: its name, which its Miner chose.
        epsilon: of the policy's budget.
        left: of it, at the budget's delta.
    """

    dataset: str
    epsilon: float
    left: float


@dataclass(frozen=True, slots=True)
class Vitals:
    """How a service stands between two steps.

    Attributes:
        head: the node's newest block.
        block_time: that block's time, Unix seconds.
        behind: blocks with their confirmations that were not read yet.
        balance: of the account, in wei.
        campaigns: those that this service may still have to do something for.
        waiting: Gradients that were submitted to it (a Capsule) or by it (a Mine) and are not scored yet.
        due: when the first of a Capsule's windows closes, Unix seconds; None where none is open.
        allowances: of the datasets that have a privacy budget.
    """

    head: int
    block_time: int
    behind: int
    balance: int
    campaigns: int
    waiting: int
    due: int | None = None
    allowances: tuple[Allowance, ...] = ()


class Observer:
    """Watches one service and changes nothing in it. All is told in the service's own thread; this one ignores it."""

    def started(self, facts: Mapping[str, str | int]) -> None:
        """It runs; `facts` are versions and public addresses."""

    def stepping(self) -> None:
        """A step, or a Campaign's part of it, begins."""

    def acted(self, action: Action) -> None:
        """Something was done or found out."""

    def timed(self, work: str, seconds: float) -> None:
        """A piece of work ended: "score" or "train"."""

    def called(self, part: str, call: str, seconds: float, failure: str | None) -> None:
        """The node or the store (`part`) answered a call, or failed for the reason given; then it is tried again."""

    def stepped(self, look: Callable[[], Vitals]) -> None:
        """A step ended; `look` asks node and home how things stand, in this thread only."""

    def saw(self, vitals: Vitals) -> None:
        """How things stand."""

    def failed(self, words: str) -> None:
        """It cannot run; in words for people."""

    def stopped(self) -> None:
        """It ends, with nothing left half done."""

    @contextmanager
    def timing(self, work: str) -> Iterator[None]:
        """Times the block; what raises is timed too."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.timed(work, time.perf_counter() - begun)


class Observers(Observer):
    """Several as one. Looks for all of them at once, and not at every step."""

    def __init__(self, members: Sequence[Observer], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._members, self._clock = tuple(members), clock
        self._looked = float("-inf")
        #: Whether the last look failed: a lasting failure is logged once.
        self._blind = False

    def started(self, facts: Mapping[str, str | int]) -> None:
        for member in self._members:
            member.started(facts)

    def stepping(self) -> None:
        for member in self._members:
            member.stepping()

    def acted(self, action: Action) -> None:
        for member in self._members:
            member.acted(action)

    def timed(self, work: str, seconds: float) -> None:
        for member in self._members:
            member.timed(work, seconds)

    def called(self, part: str, call: str, seconds: float, failure: str | None) -> None:
        for member in self._members:
            member.called(part, call, seconds, failure)

    def stepped(self, look: Callable[[], Vitals]) -> None:
        for member in self._members:
            member.stepped(look)
        if self._clock() < self._looked + _LOOK_EVERY:
            return
        self._looked = self._clock()
        try:
            self.saw(look())
            self._blind = False
        except Exception as error:  # an observer must not stop its service
            if not self._blind:
                _log.warning("the state of the service cannot be read: %s", type(error).__name__)
            self._blind = True

    def saw(self, vitals: Vitals) -> None:
        for member in self._members:
            member.saw(vitals)

    def failed(self, words: str) -> None:
        for member in self._members:
            member.failed(words)

    def stopped(self) -> None:
        for member in self._members:
            member.stopped()


class Screen(Observer):
    """Prints the Actions of a service, its start and its end for people.

    Args:
        report: prints an Action.
    """

    def __init__(self, report: Callable[[Action], None]) -> None:
        self._report = report
        self._started = False

    def started(self, facts: Mapping[str, str | int]) -> None:
        self._started = True
        version, account, chain, contract = (facts[key] for key in ("version", "account", "chain", "contract"))
        words = f"version {version} as {account}, on chain {chain} with Sonar {contract}; Ctrl-C ends it"
        self._report(Action("started", None, words))

    def acted(self, action: Action) -> None:
        self._report(action)

    def stopped(self) -> None:
        if self._started:
            self._report(Action("stopped", None, "nothing is left half done"))
