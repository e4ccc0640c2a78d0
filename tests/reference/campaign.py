"""One Campaign of the reference: what is remembered, and what follows from it and the clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from ape_sonar.terms import Status, Terms
from tests.reference.money import earned, share_of_bond


class Kept(Enum):
    """What the chain still keeps of a Gradient."""

    SUBMITTED = "submitted"
    SCORED = "scored"
    COMPENSABLE = "compensable"
    NOTHING = "nothing"


@dataclass
class Gradient:
    miner: str
    submitted_at: int
    due: int
    kept: Kept = Kept.SUBMITTED
    before: int = 0
    afterwards: int = 0


@dataclass
class Campaign:
    scientist: str
    terms: Terms
    ends_at: int
    recorded: Status = Status.REQUESTED
    start: int = 0
    accuracy: int = 0
    version: int = 0
    scored: int = 0
    #: When a delivery after the last score is due at the earliest.
    after_score: int = 0
    settled_at: int = 0
    claims_open_at: int = 0
    sound: int = 0
    refunded: bool = False
    bond_collected: bool = False
    fees_collected: bool = False
    gradients: list[Gradient] = field(default_factory=list)

    @property
    def target_met(self) -> bool:
        return self.accuracy >= self.terms.target_accuracy

    @property
    def awaits_score(self) -> bool:
        return self.scored < len(self.gradients) and not self.target_met

    @property
    def failed(self) -> bool:
        return self.recorded in (Status.EXPIRED, Status.CONVICTED)

    def due(self) -> int:
        """When the Capsule must have acted; 0 when nothing is awaited of it."""
        if self.recorded is Status.REQUESTED:
            return self.ends_at
        if self.recorded is not Status.OPEN:
            return 0
        if self.awaits_score:
            return self.gradients[self.scored].due
        from_end = self.ends_at + self.terms.delivery_window
        return from_end if self.target_met else max(from_end, self.after_score)

    def status(self, now: int) -> Status:
        if self.recorded is Status.REQUESTED:
            return Status.CANCELLED if now >= self.ends_at else Status.REQUESTED
        if self.recorded is not Status.OPEN:
            return self.recorded
        if now >= self.due():
            return Status.EXPIRED
        return Status.CLOSING if now >= self.ends_at or self.target_met else Status.OPEN

    def earned(self, accuracy: int) -> int:
        return earned(self.terms.bounty, accuracy, self.terms.target_accuracy)

    def spent(self) -> int:
        return self.earned(self.accuracy) - self.earned(self.start)

    def harmed(self) -> int:
        return len(self.gradients) - self.sound

    def share(self) -> int:
        if not self.failed:
            return 0
        return share_of_bond(self.terms.capsule_bond, self.spent(), self.harmed(), self.terms.compensation)

    def refundable(self) -> int:
        """What is the Data Scientist's, as things stand."""
        terms = self.terms
        if self.refunded:
            return 0
        if self.recorded in (Status.OPEN, Status.DELIVERED):
            return terms.bounty - self.spent()
        everything = terms.bounty + terms.capsule_fee
        if not self.failed:
            return everything
        return everything + terms.capsule_bond - self.spent() - self.share() * self.harmed()
