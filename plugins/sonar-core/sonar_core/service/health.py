"""Liveness and readiness of a service: its loop turns; it has caught up with the chain, and the store answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from sonar_core.base.errors import SonarError, one_line
from sonar_core.service.observer import Observer, Vitals

#: Age in seconds up to which a snapshot of the chain counts, and an answer of the store.
_FRESH = 120.0
_STORE_FRESH = 15.0
#: Blocks: a poll may find the chain a few ahead.
_MOST_BEHIND = 10


@dataclass(frozen=True, slots=True)
class HealthState:
    """Answer of a check: whether all is well, and a message."""

    well: bool
    words: str


class Health(Observer):
    """Observer that answers /healthz and /readyz for one service.

    Args:
        patience: seconds that one turn may take; a loop that is silent for longer counts as hung.
        ask_store: reads from the store, in any thread; raises StoreError.
        clock: monotonic seconds.
    """

    def __init__(
        self, patience: float, ask_store: Callable[[], object], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._patience, self._ask_store, self._clock = patience, ask_store, clock
        self._moved = clock()
        self._seen: tuple[float, Vitals] | None = None
        self._store_lock = Lock()
        self._store: tuple[float, HealthState] | None = None

    def stepping(self) -> None:
        self._moved = self._clock()

    def stepped(self, look: Callable[[], Vitals]) -> None:
        self._moved = self._clock()

    def saw(self, vitals: Vitals) -> None:
        self._seen = self._clock(), vitals

    def lives(self) -> HealthState:
        """Liveness: the loop turns."""
        age = self._clock() - self._moved
        if age > self._patience:
            return HealthState(False, f"the loop has not moved for {age:.0f} s")
        return HealthState(True, f"the loop moved {age:.0f} s ago")

    def is_ready(self) -> HealthState:
        """Readiness: the service has caught up with the chain, and the store answers."""
        lives = self.lives()
        if not lives.well:
            return lives
        seen = self._seen
        if seen is None:
            return HealthState(False, "the chain was not read yet")
        looked, vitals = seen
        age = self._clock() - looked
        if age > _FRESH:
            return HealthState(False, f"the node has not answered for {age:.0f} s")
        if vitals.behind > _MOST_BEHIND:
            return HealthState(False, f"{vitals.behind} blocks behind block {vitals.head}")
        return self._store_answers()

    def _store_answers(self) -> HealthState:
        with self._store_lock:
            if self._store is None or self._clock() > self._store[0] + _STORE_FRESH:
                self._store = self._clock(), self._asked()
            return self._store[1]

    def _asked(self) -> HealthState:
        try:
            self._ask_store()
        except (SonarError, OSError) as error:
            return HealthState(False, one_line(error))
        return HealthState(True, "caught up, and the store answers")
