"""A Campaign's Gradients in a persistent (immutable) map.

States of the ledger are immutable, so that an event follower can go back to an earlier one. A dict copied for each
Gradient would make the cost of a Campaign's history quadratic; a hash array mapped trie (Bagwell, "Ideal Hash Trees",
2001) copies a logarithmic part per change and shares the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from immutables import Map

from sonar_core.protocol.structs import GradientRecord, Rejection, Score, ScoredRecord


@dataclass(frozen=True, slots=True)
class GradientState:
    """A Gradient and its progress.

    Attributes:
        record: the record of its submission.
        scored: preimage of its digest after scoring; None while it is unscored.
        score: the Capsule's score; None while it is unscored, and if it was rejected.
        rejection: reason of its rejection, or None.
        claimed: True if its reward was paid.
        reclaimed: True if its scoring fee was paid back.
        compensated: True if its share of the bond was paid.
    """

    record: GradientRecord
    scored: ScoredRecord | None = None
    score: Score | None = None
    rejection: Rejection | None = None
    claimed: bool = False
    reclaimed: bool = False
    compensated: bool = False

    @property
    def rise(self) -> int:
        """Rise of accuracy, WAD; 0 while it is unscored."""
        return self.scored.accuracy_after - self.scored.accuracy_before if self.scored else 0


class GradientMap(Mapping[int, GradientState]):
    """Gradients by number, in the order of submission. Never changes; see `with_gradient`."""

    __slots__ = ("_by_miner", "_states")

    def __init__(
        self,
        states: Map[int, GradientState] | None = None,
        by_miner: Map[str, Map[int, None]] | None = None,
    ) -> None:
        self._states: Map[int, GradientState] = Map() if states is None else states
        self._by_miner: Map[str, Map[int, None]] = Map() if by_miner is None else by_miner

    def with_gradient(self, state: GradientState) -> GradientMap:
        """A copy in which one Gradient is new or replaced; its Miner stays the same."""
        number, miner = state.record.number, state.record.miner
        by_miner = self._by_miner
        if number not in self._states:
            by_miner = by_miner.set(miner, by_miner.get(miner, _NO_NUMBERS).set(number, None))
        return GradientMap(self._states.set(number, state), by_miner)

    def by_miner(self, miner: str) -> list[GradientState]:
        """The Gradients that an account submitted, oldest first."""
        return [self._states[number] for number in sorted(self._by_miner.get(miner, _NO_NUMBERS))]

    def __getitem__(self, number: int) -> GradientState:
        return self._states[number]

    def __contains__(self, number: object) -> bool:
        return number in self._states

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._states))

    def __len__(self) -> int:
        return len(self._states)

    def __repr__(self) -> str:
        return f"GradientMap({dict(self)})"


_NO_NUMBERS: Map[int, None] = Map()
