"""How large a run is, and which Mine works for which Campaign."""

from __future__ import annotations

from dataclasses import dataclass

#: Data Scientists, who share the Campaigns out among themselves; a Mine's policy names those whose it works for.
SCIENTISTS = 5


@dataclass(frozen=True, slots=True)
class Size:
    """What is played.

    Attributes:
        campaigns, mines: how many; the Mines are a multiple of `SCIENTISTS`.
        share: Data Scientists that each Mine works for: it submits one Gradient to each of their Campaigns.
        workers: processes that score.
    """

    campaigns: int
    mines: int
    share: int
    workers: int

    def __post_init__(self) -> None:
        if self.campaigns < 1 or self.mines < SCIENTISTS or self.mines % SCIENTISTS:
            raise ValueError(f"a run has at least one Campaign, and Mines in a multiple of {SCIENTISTS}")
        if not 1 <= self.share <= SCIENTISTS:
            raise ValueError(f"a Mine works for 1 to {SCIENTISTS} Data Scientists")

    @property
    def gradients(self) -> int:
        """How many are submitted in all."""
        return self.campaigns * self.mines * self.share // SCIENTISTS

    def scientist_of(self, campaign: int) -> int:
        """Whose a Campaign is."""
        return campaign % SCIENTISTS

    def scientists_of(self, mine: int) -> list[int]:
        """Whom a Mine works for."""
        return [(mine + place) % SCIENTISTS for place in range(self.share)]
