"""A Campaign's Gradients: a mapping that is never changed; a changed copy costs the same however many there are.

A ledger keeps every state that it was in for as long as somebody holds it, which is how a follower rewinds. A dict that
is copied for each Gradient would make a Campaign's history cost its square; a persistent map (a hash array mapped trie:
Bagwell, "Ideal Hash Trees", 2001) shares all but what changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from immutables import Map

from sonar_core.protocol.structs import GradientRecord, Rejection, Score, ScoredRecord


@dataclass(frozen=True, slots=True)
class GradientState:
    """A Gradient and what became of it.

    Attributes:
        record: as submitted.
        scored: what claims it; None while it is unscored.
        score: what the Capsule said of it; None while unscored, and if rejected.
        rejection: why it was rejected, or None.
        claimed: its reward was paid.
        reclaimed: its fee went back.
        compensated: its part of the bond was paid.
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
        """Rise of accuracy, WAD."""
        return self.scored.accuracy_after - self.scored.accuracy_before if self.scored else 0


class GradientMap(Mapping[int, GradientState]):
    """Gradients by number, in their order, and by Miner."""

    __slots__ = ("_by_miner", "_states")

    def __init__(
        self,
        states: Map[int, GradientState] | None = None,
        by_miner: Map[str, Map[int, None]] | None = None,
    ) -> None:
        self._states: Map[int, GradientState] = Map() if states is None else states
        self._by_miner: Map[str, Map[int, None]] = Map() if by_miner is None else by_miner

    def with_(self, state: GradientState) -> GradientMap:
        """The same with one Gradient new, or changed; its Miner never changes."""
        number, miner = state.record.number, state.record.miner
        by_miner = self._by_miner
        if number not in self._states:
            by_miner = by_miner.set(miner, by_miner.get(miner, _NONE).set(number, None))
        return GradientMap(self._states.set(number, state), by_miner)

    def of(self, miner: str) -> list[GradientState]:
        """Those that an account submitted, oldest first."""
        return [self._states[number] for number in sorted(self._by_miner.get(miner, _NONE))]

    def __getitem__(self, number: int) -> GradientState:
        return self._states[number]

    def __contains__(self, number: object) -> bool:
        return number in self._states

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._states))

    def __len__(self) -> int:
        return len(self._states)

    def __repr__(self) -> str:
        return f"Gradients({dict(self)})"


_NONE: Map[int, None] = Map()
