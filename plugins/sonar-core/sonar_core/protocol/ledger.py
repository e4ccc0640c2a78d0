"""The state of all Campaigns and Capsules, rebuilt from events by the contracts' rules. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from immutables import Map

from sonar_core.base.errors import SonarError
from sonar_core.protocol import events as ev
from sonar_core.protocol.gradient_map import GradientMap, GradientState
from sonar_core.protocol.rewards import earned, remaining_reward
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

_RECORDED_AS_LIVE = (Status.REQUESTED, Status.OPEN)


class LedgerError(SonarError, ValueError):
    """An event that contradicts the events before it, or a Campaign that no event created."""


@dataclass(frozen=True, slots=True)
class Model:
    """One version of a Campaign's encrypted Model.

    Attributes:
        address: content address, 32 bytes.
        root: Merkle root of its ciphertexts, 32 bytes.
        version: 0 at opening, one more for every improvement and every rebase.
        rebased: True for the previous version encrypted anew at a smaller scale; False for a Gradient's result.
    """

    address: bytes
    root: bytes
    version: int
    rebased: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """Money of one Campaign: in smallest units of its currency, scoring fees in wei.

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
    """State of one Campaign.

    The attributes are those of `contracts/types/Campaign.sol`, and further: terms, nonce, start, certificates,
    gradients, and models (all versions, the newest last).
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
        """The newest Model. Raises LedgerError before the Campaign has started."""
        if not self.models:
            raise LedgerError(f"Campaign 0x{self.id.hex()} is not open: it has no Model yet")
        return self.models[-1]

    @property
    def target_met(self) -> bool:
        return self.accuracy >= self.terms.target_accuracy

    @property
    def awaits_score(self) -> bool:
        """True if the Capsule owes a score; a met target voids the Gradients that are still unscored."""
        return self.scored < self.submitted and not self.target_met

    @property
    def oldest_unscored(self) -> GradientState | None:
        """The Gradient that is scored next; None if no score is due."""
        return self.gradients[self.scored] if self.awaits_score else None

    @property
    def next_in_queue(self) -> Next:
        """Due time and core of the Gradient after the oldest unscored one; the scoring transaction passes them."""
        after = self.gradients.get(self.scored + 1)
        return after.record.as_next() if after else Next.none()

    def status(self, now: int) -> Status:
        """The value of `ISonar.statusOf` at Unix time `now`."""
        if self.recorded is Status.REQUESTED:
            return Status.REQUESTED if now < self.ends_at else Status.CANCELLED
        if self.recorded is not Status.OPEN:
            return self.recorded
        if now < self.ends_at:
            return Status.EXPIRED if self.scored < self.submitted and now >= self.due else Status.OPEN
        return Status.CLOSING if now < self.due_at() else Status.EXPIRED

    def due_at(self) -> int:
        """The value of `ISonar.dueOf`, in Unix time; 0 if nothing is due."""
        if self.recorded is Status.REQUESTED:
            return self.ends_at
        if self.recorded is not Status.OPEN:
            return 0
        if self.awaits_score:
            return self.due
        from_end = self.ends_at + self.terms.delivery_window
        return from_end if self.target_met else max(self.due, from_end)

    def claims_open_at(self) -> int:
        """The value of `ISonar.claimsOpenAt`, in Unix time; 0 until the Campaign is settled."""
        if not self.settled_at:
            return 0
        return self.settled_at + (0 if self.recorded is Status.CONVICTED else self.terms.audit_window)

    def claims_open(self, now: int) -> bool:
        return bool(self.settled_at) and now >= self.claims_open_at()

    def reward(self, gradient: GradientState) -> int:
        """Reward of a Gradient in smallest units; 0 if it is unscored or void."""
        if gradient.scored is None or (self.settled_at and gradient.record.number >= self.valid_below):
            return 0
        return earned(self.terms, gradient.scored.accuracy_after) - earned(self.terms, gradient.scored.accuracy_before)

    def rewards_earned(self) -> int:
        """Rewards of all Miners together, in smallest units."""
        return earned(self.terms, self.accuracy) - earned(self.terms, self.starting_accuracy)

    def remaining_reward(self) -> int:
        """Reward that Miners can still earn, in smallest units: from the accuracy now to the target."""
        return remaining_reward(self.terms, self.accuracy if self.start else self.starting_accuracy)

    def compensation_share(self) -> int:
        """Compensation of each harmed Gradient out of the bond of a Capsule that failed, in smallest units."""
        return self._divided_bond()[0]

    def refundable(self) -> int:
        """The value of `ISonar.refundable`, in smallest units."""
        if self.refunded:
            return 0
        terms = self.terms
        if self.recorded in (Status.OPEN, Status.DELIVERED):
            return terms.bounty - self.rewards_earned()
        if self.recorded in (Status.EXPIRED, Status.CONVICTED):
            return terms.bounty - self.rewards_earned() + terms.capsule_fee + self._divided_bond()[1]
        return terms.bounty + terms.capsule_fee

    def account(self) -> Account:
        """Deposits and payments of the Campaign so far."""
        terms, gradients = self.terms, self.gradients.values()
        opened = self.start is not None
        paid = sum(self.reward(gradient) for gradient in gradients if gradient.claimed)
        paid += self.compensation_share() * sum(gradient.compensated for gradient in gradients)
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
        rest = max(self.terms.capsule_bond - self.rewards_earned(), 0)
        harmed = self.submitted - self.valid_below
        share = min(self.terms.compensation, rest // harmed) if harmed else 0
        return share, self.terms.capsule_bond - share * harmed


@dataclass(frozen=True, slots=True)
class CapsuleState:
    """The newest announcement of a Capsule."""

    certificates: bytes
    terms: CapsuleTerms
    currencies: dict[str, CurrencyTerms]


class Ledger:
    """All Campaigns and Capsules.

    The states in it are immutable: a copy of the ledger can be kept, and returned to after a reorganisation.

    Attributes:
        campaigns: by id.
        capsules: by address.
    """

    def __init__(self) -> None:
        self.campaigns: dict[bytes, CampaignState] = {}
        self.capsules: dict[str, CapsuleState] = {}
        #: Ids of Campaigns that have not ended, in order; and of those that a Miner submitted to, by its address.
        self._live: dict[bytes, None] = {}
        self._by_miner: Map[str, Map[bytes, None]] = Map()

    def copy(self) -> Ledger:
        """An independent ledger with the same state."""
        twin = Ledger()
        twin.campaigns, twin.capsules = dict(self.campaigns), dict(self.capsules)
        twin._live, twin._by_miner = dict(self._live), self._by_miner
        return twin

    def live_campaigns(self) -> list[CampaignState]:
        """Campaigns that are recorded as requested or open, oldest first; all others have ended."""
        return [self.campaigns[campaign] for campaign in self._live]

    def campaigns_of_capsule(self, capsule: str) -> list[CampaignState]:
        """Campaigns that name a Capsule (address of its account), in the order of their creation."""
        return [campaign for campaign in self.campaigns.values() if campaign.terms.capsule == capsule]

    def campaigns_of_miner(self, miner: str) -> list[CampaignState]:
        """Campaigns that an account submitted a Gradient to, oldest first."""
        found = [self.campaigns[campaign] for campaign in self._by_miner.get(miner, Map())]
        return sorted(found, key=lambda campaign: (campaign.created_block, campaign.id))

    def apply_all(self, events: Iterable[ev.Event]) -> Ledger:
        """Applies events in order, and returns itself."""
        for event in events:
            self.apply(event)
        return self

    def apply(self, event: ev.Event) -> None:
        """Applies one event.

        Raises:
            LedgerError: no earlier event created its Campaign or Gradient.
        """
        if isinstance(event, ev.CapsuleAnnounced):
            self.capsules[event.capsule] = _announced(self.capsules.get(event.capsule), event)
        elif isinstance(event, ev.CampaignCreated):
            self.campaigns[event.campaign] = _created(event)
            self._live[event.campaign] = None
        elif isinstance(event, ev.CampaignEvent):
            after = self.campaigns[event.campaign] = _after(self.campaign(event.campaign), event)
            if after.recorded not in _RECORDED_AS_LIVE:
                self._live.pop(event.campaign, None)
            if isinstance(event, ev.GradientSubmitted):
                known = self._by_miner.get(event.miner, Map())
                self._by_miner = self._by_miner.set(event.miner, known.set(event.campaign, None))

    def campaign(self, campaign: bytes) -> CampaignState:
        """State of the Campaign with this id. Raises LedgerError if no event created it."""
        if campaign not in self.campaigns:
            raise LedgerError(f"no event created Campaign 0x{campaign.hex()}: check the id, and the network")
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
    """The Campaign's state after one of its events."""
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
        gradients=state.gradients.with_gradient(GradientState(record)),
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
        raise LedgerError(f"no event submitted Gradient {number} of Campaign 0x{state.id.hex()}")
    return state.gradients[number]


def _with_gradient(state: CampaignState, number: int, **changes: object) -> CampaignState:
    changed = replace(_gradient(state, number), **changes)  # type: ignore[arg-type]
    return replace(state, gradients=state.gradients.with_gradient(changed))
