"""One Campaign of the reference: the facts, and what follows from them and the clock."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sonar_core.protocol.structs import GradientRecord, ScoredRecord, Status, Terms
from tests.reference.money import earned, share_of_bond


@dataclass(frozen=True)
class Gradient:
    """A Gradient as submitted, what the Capsule said of it, and what its Miner took."""

    record: GradientRecord
    scored: ScoredRecord | None = None
    rewarded: bool = False
    fee_back: bool = False
    compensated: bool = False


@dataclass(frozen=True)
class Account:
    """What a Campaign was given and has given."""

    escrowed: int = 0
    paid: int = 0

    @property
    def held(self) -> int:
        return self.escrowed - self.paid


@dataclass(frozen=True)
class Campaign:
    id: bytes
    scientist: str
    terms: Terms
    ends_at: int
    start: int
    recorded: Status = Status.REQUESTED
    accuracy: int = 0
    version: int = 0
    gradients: tuple[Gradient, ...] = ()
    scored: int = 0
    last_scored_at: int = 0
    settled_at: int = 0
    valid_below: int = 0
    refunded: bool = False
    bond_collected: bool = False
    fees_collected: bool = False
    money: Account = Account()
    fees: Account = Account()

    # ------------------------------------------------------------------ the clock

    @property
    def target_met(self) -> bool:
        return self.accuracy >= self.terms.target_accuracy

    @property
    def unscored(self) -> int:
        return len(self.gradients) - self.scored

    @property
    def awaits_score(self) -> bool:
        """A met target makes what is unscored void."""
        return self.unscored > 0 and not self.target_met

    @property
    def due(self) -> int:
        """When the Capsule must have opened, scored the oldest Gradient, or delivered; 0 when nothing is awaited."""
        if self.recorded is Status.REQUESTED:
            return self.ends_at
        if self.recorded is not Status.OPEN:
            return 0
        if self.awaits_score:
            return self.gradients[self.scored].record.due
        # A delivery is owed once mining is over and the queue is empty.
        return max(self.ends_at, self.last_scored_at) + self.terms.delivery_window

    def status(self, now: int) -> Status:
        if self.recorded is Status.REQUESTED:
            return Status.REQUESTED if now < self.ends_at else Status.CANCELLED
        if self.recorded is not Status.OPEN:
            return self.recorded
        if now >= self.due:
            return Status.EXPIRED
        return Status.OPEN if now < self.ends_at and not self.target_met else Status.CLOSING

    @property
    def claims_open_at(self) -> int:
        """0 while it is not known. After a conviction nothing is left to audit."""
        if not self.settled_at:
            return 0
        return self.settled_at + (0 if self.recorded is Status.CONVICTED else self.terms.audit_window)

    def settled(self, status: Status, now: int, valid_below: int) -> Campaign:
        return replace(self, recorded=status, settled_at=now, valid_below=valid_below)

    def with_gradients(self, *changed: Gradient) -> Campaign:
        """Each in the place of the one of its number."""
        gradients = list(self.gradients)
        for gradient in changed:
            gradients[gradient.record.number] = gradient
        return replace(self, gradients=tuple(gradients))

    # ------------------------------------------------------------------ the money

    def booked(self, scoring: bool, *, escrowed: int = 0, paid: int = 0) -> Campaign:
        former = self.fees if scoring else self.money
        account = Account(former.escrowed + escrowed, former.paid + paid)
        return replace(self, fees=account) if scoring else replace(self, money=account)

    @property
    def failed(self) -> bool:
        """Whether its Capsule lost the bond."""
        return self.recorded in (Status.EXPIRED, Status.CONVICTED)

    def earned(self, accuracy: int) -> int:
        return earned(self.terms.bounty, accuracy, self.terms.target_accuracy)

    def reward(self, scored: ScoredRecord) -> int:
        return self.earned(scored.accuracy_after) - self.earned(scored.accuracy_before)

    @property
    def spent(self) -> int:
        """What all Miners have earned: nothing before it opened."""
        if self.recorded in (Status.REQUESTED, Status.DECLINED, Status.CANCELLED):
            return 0
        return self.earned(self.accuracy) - self.earned(self.start)

    @property
    def harmed(self) -> tuple[Gradient, ...]:
        """Gradients that will never count, once that is known."""
        return self.gradients[self.valid_below :] if self.settled_at else ()

    @property
    def share(self) -> int:
        """What each harmed Gradient may take out of a lost bond."""
        if not self.failed:
            return 0
        return share_of_bond(self.terms.capsule_bond, self.spent, len(self.harmed), self.terms.compensation)

    @property
    def refundable(self) -> int:
        if self.refunded:
            return 0
        unspent = self.terms.bounty - self.spent
        if self.recorded in (Status.OPEN, Status.DELIVERED):
            return unspent
        if not self.failed:
            return unspent + self.terms.capsule_fee
        return unspent + self.terms.capsule_fee + self.terms.capsule_bond - self.share * len(self.harmed)

    @property
    def rewards(self) -> int:
        """What Miners have earned and not claimed."""
        sound = self.gradients[: self.valid_below if self.settled_at else self.scored]
        return sum(self.reward(gradient.scored) for gradient in sound if gradient.scored and not gradient.rewarded)

    @property
    def compensation(self) -> int:
        """What is left of the shares in the bond."""
        return self.share * sum(not gradient.compensated for gradient in self.harmed)

    @property
    def collectable(self) -> int:
        """Bond and fee, as long as the Capsule may earn them."""
        earns = self.recorded in (Status.OPEN, Status.DELIVERED) and not self.bond_collected
        return self.terms.capsule_fee + self.terms.capsule_bond if earns else 0

    @property
    def fees_owed(self) -> int:
        """Scoring fees that are the Capsule's or go back to Miners: all of them, until somebody took some."""
        if not self.settled_at:
            return len(self.gradients) * self.terms.scoring_fee
        owed = sum(not gradient.fee_back for gradient in self.harmed)
        return (owed + (0 if self.fees_collected else self.valid_below)) * self.terms.scoring_fee
