"""Care of a service's blobs at the end of each turn: copies to IPFS nodes that missed some, unpinning of old ones."""

from __future__ import annotations

import time
from collections.abc import Callable

from sonar_core.base.errors import SonarError, one_line
from sonar_core.protocol.ledger import Ledger
from sonar_core.service.action import Action
from sonar_core.service.blob_retention import Tidier
from sonar_core.store import BlobStore

#: Seconds between two looks for what may go, and most blobs that are let go of at one.
_TIDY_EVERY, _RELEASED_AT_ONCE = 600.0, 256


class BlobMaintenance:
    """Replicates and unpins blobs; an error stops nothing else.

    Args:
        store: the service's.
        tidier: finds what may go.
        after: seconds since the end of a Campaign before its blobs are unpinned; None: never.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        store: BlobStore,
        tidier: Tidier,
        after: float | None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._tidier, self._after = store, tidier, after
        self._clock, self._tidy_at = clock, clock()

    def look(self, confirmed: Ledger, newest: Callable[[], Ledger], now: Callable[[], int]) -> list[Action]:
        """A bounded part of the work; an error is an Action of kind trouble.

        Args:
            confirmed: ledger of the confirmed events.
            newest: returns the ledger with the newest blocks; called only if it is needed.
            now: returns the chain's time, Unix seconds.
        """
        actions = []
        for work in (self._replicate_missed, lambda: self._tidy(confirmed, newest, now)):
            try:
                actions += work()
            except SonarError as error:
                actions.append(Action("trouble", None, one_line(error)))
        return actions

    def _replicate_missed(self) -> list[Action]:
        result = self._store.replicate_missed()
        if not result.blobs:
            return []
        return [Action("copied", None, f"{result.blobs} blobs to a node that had missed them; {result.left} are left")]

    def _tidy(self, confirmed: Ledger, newest: Callable[[], Ledger], now: Callable[[], int]) -> list[Action]:
        if self._after is None or self._clock() < self._tidy_at:
            return []
        former, self._tidy_at = self._tidy_at, self._clock() + _TIDY_EVERY
        leftovers = self._tidier.leftovers(confirmed, newest(), now(), int(self._after))
        released = self._tidier.release(leftovers, most=_RELEASED_AT_ONCE)
        if released == _RELEASED_AT_ONCE:
            self._tidy_at = former  # there may be more
        return [Action("released", None, f"{released} blobs of Campaigns that are over")] if released else []
