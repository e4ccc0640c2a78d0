"""Observers of a service: one interface, called by the loops, implemented by logs, metrics, health and systemd."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sonar_core.service.action import Action

_log = logging.getLogger(__name__)
#: Seconds between two snapshots of Vitals; each one asks the node.
_LOOK_EVERY = 5.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """The rest of a dataset's privacy budget.

    Attributes:
        dataset: its name, which its Miner chose.
        epsilon: of the policy's budget.
        left: unspent epsilon, at the budget's delta.
    """

    dataset: str
    epsilon: float
    left: float


@dataclass(frozen=True, slots=True)
class Vitals:
    """Snapshot of a service between two turns.

    Attributes:
        head: the node's newest block.
        block_time: that block's time, Unix seconds.
        behind: blocks with their confirmations that were not read yet.
        balance: of the account, in wei.
        campaigns: number of Campaigns that may still need this service.
        waiting: Gradients that were submitted to it (a Capsule) or by it (a Mine) and are not scored yet.
        due: end of the first of a Capsule's open windows, Unix seconds; None if none is open.
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
    """Base of all observers; ignores every call. Calls come from the service's own thread."""

    def started(self, facts: Mapping[str, str | int]) -> None:
        """The service runs; `facts` are versions and public addresses."""

    def stepping(self) -> None:
        """A turn, or its part for one Campaign, begins."""

    def acted(self, action: Action) -> None:
        """Something was done or found out."""

    def timed(self, work: str, seconds: float) -> None:
        """A piece of work ended: "score" or "train"."""

    def called(self, part: str, call: str, seconds: float, failure: str | None) -> None:
        """The node or the store (`part`) answered a call, or failed for the reason given; then it is tried again."""

    def stepped(self, look: Callable[[], Vitals]) -> None:
        """A turn ended. `look` takes a snapshot from node and home, in this thread only."""

    def saw(self, vitals: Vitals) -> None:
        """A snapshot was taken."""

    def failed(self, words: str) -> None:
        """The service ends with an error; a message for people."""

    def stopped(self) -> None:
        """The service ends, with nothing left half done."""

    @contextmanager
    def timing(self, work: str) -> Iterator[None]:
        """Times the block; what raises is timed too."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.timed(work, time.perf_counter() - begun)


class Observers(Observer):
    """Forwards every call to several observers; takes one Vitals snapshot for all of them, at most every 5 seconds."""

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
