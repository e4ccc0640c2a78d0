"""The whole state of Sonar rebuilt from its events. Pure: the same rules as the contracts, in another language."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from immutables import Map

from sonar_core.base.errors import SonarError
from sonar_core.protocol import events as ev
from sonar_core.protocol.gradient_map import GradientMap, GradientState
from sonar_core.protocol.rewards import earned
from sonar_core.protocol.structs import (
    EMPTY_BYTES32,
    CampaignStart,
    CapsuleTerms,
    CurrencyTerms,
    GradientRecord,
    Next,
    ScoredRecord,
    Status,
    Terms,
    rejection_details,
)

_LIVE = (Status.REQUESTED, Status.OPEN)


class LedgerError(SonarError, ValueError):
    """An event that cannot follow what came before it."""


@dataclass(frozen=True, slots=True)
class Model:
    """The encrypted Model that counts.

    Attributes:
        address: content address.
        root: Merkle root of its ciphertexts.
        version: 0 at opening, one more for every improvement and every rebase.
        rebased: whether it is the one before at a smaller scale, and no Gradient's work.
    """

    address: bytes
    root: bytes
    version: int
    rebased: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """A Campaign's money in its currency, in the smallest unit, and its scoring fees, in wei.

    escrowed = paid + held at any time; held = claimable + refundable + collectable once it is settled.
    """

    escrowed: int
    paid: int
    scoring_escrowed: int
    scoring_paid: int

    @property
    def held(self) -> int:
        return self.escrowed - self.paid


@dataclass(frozen=True, slots=True)
class CampaignState:
    """One Campaign, as its events tell.

    Attributes mirror `contracts/types/Campaign.sol`; beyond it stand terms, nonce, start, certificates, models (every
    version, the newest last) and gradients.
    """

    id: bytes
    scientist: str
    nonce: int
    terms: Terms
    created_at: int
    recorded: Status
    ends_at: int
    starting_accuracy: int
    accuracy: int
    created_block: int
    due: int = 0
    submitted: int = 0
    scored: int = 0
    settled_at: int = 0
    valid_below: int = 0
    reason: str = ""
    start: CampaignStart | None = None
    certificates: bytes = b""
    models: tuple[Model, ...] = ()
    gradients: GradientMap = field(default_factory=GradientMap)
    delivery: bytes = b""
    openings_root: bytes = b""
    refunded: bool = False
    refunded_amount: int = 0
    bond_collected: bool = False
    scoring_fees_collected: bool = False

    @property
    def model(self) -> Model:
        """The newest Model. Raises LedgerError while there is none."""
        if not self.models:
            raise LedgerError(f"Campaign 0x{self.id.hex()} is not open: it has no Model yet")
        return self.models[-1]

    @property
    def target_met(self) -> bool:
        return self.accuracy >= self.terms.target_accuracy

    @property
    def awaits_score(self) -> bool:
        """Whether the Capsule owes a score: a met target makes what is unscored void."""
        return self.scored < self.submitted and not self.target_met

    @property
    def oldest(self) -> GradientState | None:
        """The Gradient to be scored next."""
        return self.gradients[self.scored] if self.awaits_score else None

    @property
    def following(self) -> Next:
        """What scoring the oldest Gradient has to tell of the one after it."""
        after = self.gradients.get(self.scored + 1)
        return after.record.as_next() if after else Next.none()

    def status(self, now: int) -> Status:
        """What `ISonar.statusOf` gives at time `now`."""
        if self.recorded is Status.REQUESTED:
            return Status.REQUESTED if now < self.ends_at else Status.CANCELLED
        if self.recorded is not Status.OPEN:
            return self.recorded
        if now < self.ends_at:
            return Status.EXPIRED if self.scored < self.submitted and now >= self.due else Status.OPEN
        return Status.CLOSING if now < self.due_at() else Status.EXPIRED

    def due_at(self) -> int:
        """What `ISonar.dueOf` gives."""
        if self.recorded is Status.REQUESTED:
            return self.ends_at
        if self.recorded is not Status.OPEN:
            return 0
        if self.awaits_score:
            return self.due
        from_end = self.ends_at + self.terms.delivery_window
        return from_end if self.target_met else max(self.due, from_end)

    def claims_open_at(self) -> int:
        """What `ISonar.claimsOpenAt` gives: 0 while it is not known."""
        if not self.settled_at:
            return 0
        return self.settled_at + (0 if self.recorded is Status.CONVICTED else self.terms.audit_window)

    def claims_open(self, now: int) -> bool:
        return bool(self.settled_at) and now >= self.claims_open_at()

    def reward(self, gradient: GradientState) -> int:
        """What a scored Gradient earns, in smallest units; 0 for one that is void."""
        if gradient.scored is None or (self.settled_at and gradient.record.number >= self.valid_below):
            return 0
        return earned(self.terms, gradient.scored.accuracy_after) - earned(self.terms, gradient.scored.accuracy_before)

    def spent(self) -> int:
        """What all Miners together have earned."""
        return earned(self.terms, self.accuracy) - earned(self.terms, self.starting_accuracy)

    def payable(self) -> int:
        """What Miners can still earn, from the head to the target."""
        return self.terms.bounty - earned(self.terms, self.accuracy)

    def share(self) -> int:
        """What each harmed Gradient may take out of the bond of a Capsule that failed."""
        return self._divided_bond()[0]

    def refundable(self) -> int:
        """What `ISonar.refundable` gives."""
        if self.refunded:
            return 0
        terms = self.terms
        if self.recorded in (Status.OPEN, Status.DELIVERED):
            return terms.bounty - self.spent()
        if self.recorded in (Status.EXPIRED, Status.CONVICTED):
            return terms.bounty - self.spent() + terms.capsule_fee + self._divided_bond()[1]
        return terms.bounty + terms.capsule_fee

    def account(self) -> Account:
        """Its money, from what was put in and what was paid out."""
        terms, gradients = self.terms, self.gradients.values()
        opened = self.start is not None
        paid = sum(self.reward(gradient) for gradient in gradients if gradient.claimed)
        paid += self.share() * sum(gradient.compensated for gradient in gradients)
        paid += self.refunded_amount
        paid += terms.capsule_fee + terms.capsule_bond if self.bond_collected else 0
        back = sum(gradient.reclaimed for gradient in gradients)
        return Account(
            escrowed=terms.bounty + terms.capsule_fee + (terms.capsule_bond if opened else 0),
            paid=paid,
            scoring_escrowed=self.submitted * terms.scoring_fee,
            scoring_paid=terms.scoring_fee * (back + (self.valid_below if self.scoring_fees_collected else 0)),
        )

    def _divided_bond(self) -> tuple[int, int]:
        if self.recorded not in (Status.EXPIRED, Status.CONVICTED):
            return 0, 0
        rest = max(self.terms.capsule_bond - self.spent(), 0)
        harmed = self.submitted - self.valid_below
        share = min(self.terms.compensation, rest // harmed) if harmed else 0
        return share, self.terms.capsule_bond - share * harmed


@dataclass(frozen=True, slots=True)
class CapsuleState:
    """What a Capsule announced last."""

    certificates: bytes
    terms: CapsuleTerms
    currencies: dict[str, CurrencyTerms]


class Ledger:
    """All Campaigns and Capsules.

    States are immutable: whoever keeps the old mapping can go back to it, which is how a follower rewinds.

    Attributes:
        campaigns: by id.
        capsules: by address.
    """

    def __init__(self) -> None:
        self.campaigns: dict[bytes, CampaignState] = {}
        self.capsules: dict[str, CapsuleState] = {}
        #: Ids, in order, of Campaigns that may still come to something, and of those a Miner submitted to.
        self._live: dict[bytes, None] = {}
        self._worked_for: Map[str, Map[bytes, None]] = Map()

    def copy(self) -> Ledger:
        """An independent ledger of the same state."""
        twin = Ledger()
        twin.campaigns, twin.capsules = dict(self.campaigns), dict(self.capsules)
        twin._live, twin._worked_for = dict(self._live), self._worked_for
        return twin

    def live(self) -> list[CampaignState]:
        """Campaigns that are recorded as requested or open, oldest first: all others are over, or were never begun."""
        return [self.campaigns[campaign] for campaign in self._live]

    def asked_of(self, capsule: str) -> list[CampaignState]:
        """Campaigns that name a Capsule, by its account, in the order in which they were asked for."""
        return [campaign for campaign in self.campaigns.values() if campaign.terms.capsule == capsule]

    def worked_for(self, miner: str) -> list[CampaignState]:
        """Campaigns that an account submitted a Gradient to, oldest first."""
        found = [self.campaigns[campaign] for campaign in self._worked_for.get(miner, Map())]
        return sorted(found, key=lambda campaign: (campaign.created_block, campaign.id))

    def apply_all(self, events: Iterable[ev.Event]) -> Ledger:
        """Applies events in order, and returns itself."""
        for event in events:
            self.apply(event)
        return self

    def apply(self, event: ev.Event) -> None:
        """Takes one event in.

        Raises:
            LedgerError: it belongs to a Campaign or Gradient that no earlier event made.
        """
        if isinstance(event, ev.CapsuleAnnounced):
            self.capsules[event.capsule] = _announced(self.capsules.get(event.capsule), event)
        elif isinstance(event, ev.CampaignCreated):
            self.campaigns[event.campaign] = _created(event)
            self._live[event.campaign] = None
        elif isinstance(event, ev.CampaignEvent):
            after = self.campaigns[event.campaign] = _after(self.campaign(event.campaign), event)
            if after.recorded not in _LIVE:
                self._live.pop(event.campaign, None)
            if isinstance(event, ev.GradientSubmitted):
                known = self._worked_for.get(event.miner, Map())
                self._worked_for = self._worked_for.set(event.miner, known.set(event.campaign, None))

    def campaign(self, campaign: bytes) -> CampaignState:
        """A Campaign's state. Raises LedgerError where there is none."""
        if campaign not in self.campaigns:
            raise LedgerError(f"no event has made Campaign 0x{campaign.hex()}: check the id, and the network")
        return self.campaigns[campaign]


def _announced(former: CapsuleState | None, event: ev.CapsuleAnnounced) -> CapsuleState:
    currencies = dict(former.currencies) if former else {}
    currencies.update({offer.currency: offer.terms for offer in event.currencies})
    return CapsuleState(event.certificates, event.terms, currencies)


def _created(event: ev.CampaignCreated) -> CampaignState:
    terms, time = event.terms, event.position.timestamp
    return CampaignState(
        id=event.campaign,
        scientist=event.scientist,
        nonce=event.nonce,
        terms=terms,
        created_at=time,
        created_block=event.position.block,
        recorded=Status.REQUESTED,
        ends_at=time + terms.open_within,
        starting_accuracy=terms.starting_accuracy,
        accuracy=0,
    )


def _after(state: CampaignState, event: ev.CampaignEvent) -> CampaignState:
    """The Campaign after an event of its own."""
    match event:
        case ev.CampaignCancelled():
            return replace(state, recorded=Status.CANCELLED)
        case ev.CampaignDeclined():
            return replace(state, recorded=Status.DECLINED, reason=event.reason)
        case ev.CampaignOpened():
            return _opened(state, event)
        case ev.CampaignStopped():
            return replace(state, ends_at=event.ends_at)
        case ev.GradientSubmitted():
            return _submitted(state, event)
        case ev.GradientScored():
            return _scored(state, event)
        case ev.GradientRejected():
            return _rejected(state, event)
        case ev.ModelRebased():
            rebased = Model(event.model, event.model_root, event.version, rebased=True)
            return replace(state, models=(*state.models, rebased))
        case ev.TargetReached():
            return replace(state, ends_at=event.position.timestamp)
        case ev.CampaignDelivered():
            settled = _settled(state, event, Status.DELIVERED, state.scored)
            return replace(settled, delivery=event.delivery, openings_root=event.openings_root)
        case ev.CampaignExpired():
            return _settled(state, event, Status.EXPIRED, state.scored)
        case ev.CapsuleConvicted():
            return replace(_settled(state, event, Status.CONVICTED, event.number), accuracy=event.accuracy)
        case ev.Claimed():
            return _with_gradient(state, event.number, claimed=True)
        case ev.ScoringFeeReclaimed():
            return _with_gradient(state, event.number, reclaimed=True)
        case ev.Compensated():
            return _with_gradient(state, event.number, compensated=True)
        case ev.BondCollected():
            return replace(state, bond_collected=True)
        case ev.ScoringFeesCollected():
            return replace(state, scoring_fees_collected=True)
        case ev.Refunded():
            return replace(state, refunded=True, refunded_amount=event.amount)
    raise LedgerError(f"no rule for {type(event).__name__}")


def _opened(state: CampaignState, event: ev.CampaignOpened) -> CampaignState:
    start = event.start
    return replace(
        state,
        recorded=Status.OPEN,
        ends_at=event.ends_at,
        starting_accuracy=start.accuracy,
        accuracy=start.accuracy,
        start=start,
        certificates=event.certificates,
        models=(Model(start.model, start.model_root, 0),),
    )


def _submitted(state: CampaignState, event: ev.GradientSubmitted) -> CampaignState:
    record = GradientRecord(
        event.number, event.miner, event.bundle, event.commitment, event.version, event.submitted_at, event.due
    )
    alone = state.scored == state.submitted
    return replace(
        state,
        submitted=event.number + 1,
        due=event.due if alone else state.due,
        gradients=state.gradients.with_(GradientState(record)),
    )


def _scored(state: CampaignState, event: ev.GradientScored) -> CampaignState:
    record = _gradient(state, event.number).record
    details = event.score.details(record.core(), event.position.timestamp)
    scored = ScoredRecord(event.number, event.accuracy_before, event.accuracy_after, details)
    models = state.models
    if event.score.model != EMPTY_BYTES32:
        models = (*models, Model(event.score.model, event.score.model_root, event.version))
    after = _with_gradient(state, event.number, scored=scored, score=event.score)
    return replace(after, scored=event.number + 1, accuracy=event.accuracy_after, due=event.due, models=models)


def _rejected(state: CampaignState, event: ev.GradientRejected) -> CampaignState:
    core = _gradient(state, event.number).record.core()
    details = rejection_details(core, event.reason, event.unsealed_bundle, event.evidence, event.position.timestamp)
    scored = ScoredRecord(event.number, event.accuracy, event.accuracy, details)
    after = _with_gradient(state, event.number, scored=scored, rejection=event.reason)
    return replace(after, scored=event.number + 1, due=event.due)


def _settled(state: CampaignState, event: ev.CampaignEvent, status: Status, valid_below: int) -> CampaignState:
    return replace(state, recorded=status, settled_at=event.position.timestamp, valid_below=valid_below)


def _gradient(state: CampaignState, number: int) -> GradientState:
    if number not in state.gradients:
        raise LedgerError(f"no event has submitted Gradient {number} of Campaign 0x{state.id.hex()}")
    return state.gradients[number]


def _with_gradient(state: CampaignState, number: int, **changes: object) -> CampaignState:
    changed = replace(_gradient(state, number), **changes)  # type: ignore[arg-type]
    return replace(state, gradients=state.gradients.with_(changed))
