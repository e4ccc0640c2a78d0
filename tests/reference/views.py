"""One Campaign in the same words by all three: the reference, the events' ledger, and the contract's own views."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from eth_abi import encode
from eth_utils import keccak

from sonar_core.protocol.ledger import CampaignState
from sonar_core.protocol.rewards import earned
from sonar_core.protocol.structs import CampaignRecord, GradientRecord, ScoredRecord, Status, Terms
from tests.reference.campaign import Account, Campaign
from tests.reference.node import Node
from tests.reference.queue import queue_due

#: Tag of the word that a Gradient leaves whose fee went back and whose part of the bond did not.
_COMPENSABLE = 3


@dataclass(frozen=True)
class View:
    """`digests` are the words kept of the Gradients. Of the money held, `rewards` are earned and not claimed,
    `refundable` is the Data Scientist's as things stand, and the `rest` is the Capsule's or compensation."""

    record: CampaignRecord
    status: Status
    due: int
    claims_open_at: int
    earned: int
    digests: tuple[bytes, ...]
    money: Account
    fees: Account
    rewards: int
    refundable: int
    rest: int

    def __post_init__(self) -> None:
        # What is left there once a Campaign is settled means nothing to anybody.
        if self.record.settled_at:
            object.__setattr__(self, "record", replace(self.record, due=0))

    def need_same(self, whose: str, other: View) -> None:
        """Raises AssertionError with the fields, the record's one by one, in which the other differs."""
        ours, theirs = (asdict(view) | asdict(view.record) for view in (self, other))
        del ours["record"], theirs["record"]
        wrong = [f"{name} is {theirs[name]}, not {ours[name]}" for name in ours if ours[name] != theirs[name]]
        assert not wrong, f"{whose} differs: {'; '.join(wrong)}"


def of_reference(c: Campaign, now: int) -> View:
    rest = c.collectable + c.compensation
    assert c.money.held == c.rewards + c.refundable + rest
    assert c.fees.held == c.fees_owed
    words = [_word(g.record, g.scored, g.rewarded or g.compensated, g.fee_back, c.share) for g in c.gradients]
    return View(
        record=_record(c),
        status=c.status(now),
        due=c.due,
        claims_open_at=c.claims_open_at,
        earned=c.earned(c.accuracy),
        digests=tuple(words),
        money=c.money,
        fees=c.fees,
        rewards=c.rewards,
        refundable=c.refundable,
        rest=rest,
    )


def of_ledger(state: CampaignState, now: int) -> View:
    account = state.account()
    rewards = sum(state.reward(gradient) for gradient in state.gradients.values() if not gradient.claimed)
    words = [
        _word(g.record, g.scored, g.claimed or g.compensated, g.reclaimed, state.compensation_share())
        for g in state.gradients.values()
    ]
    return View(
        record=_record_of_ledger(state),
        status=state.status(now),
        due=state.due_at(),
        claims_open_at=state.claims_open_at(),
        earned=earned(state.terms, state.accuracy),
        digests=tuple(words),
        money=Account(account.escrowed, account.paid),
        fees=Account(account.scoring_escrowed, account.scoring_paid),
        rewards=rewards,
        refundable=state.refundable(),
        rest=account.held - rewards - state.refundable(),
    )


class ChainViews:
    """What the contract says of its Campaigns; what each was given and has given is read off the contract's balance."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._earned: dict[tuple[bytes, int], int] = {}

    def of(self, state: CampaignState, money: Account, fees: Account) -> View:
        """`state` for the preimages of what the contract keeps, as every party has them."""
        key = state.id
        views = ("campaignOf", "statusOf", "dueOf", "claimsOpenAt", "refundable")
        accuracies = {state.accuracy} | {each for g in state.gradients.values() for each in _rise(g.scored)}
        asked = [accuracy for accuracy in sorted(accuracies) if (key, accuracy) not in self._earned]
        answers = self._node.ask(
            [(view, key) for view in views]
            + [("digestOf", key, number) for number in state.gradients]
            + [("earned", key, accuracy) for accuracy in asked]
        )
        record, status, due, claims_open_at, refundable = answers[: len(views)]
        digests = tuple(bytes(word) for word in answers[len(views) : len(views) + len(state.gradients)])
        self._earned |= {(key, accuracy): worth for accuracy, worth in zip(asked, answers[-len(asked) :], strict=False)}
        record = CampaignRecord.from_tuple(record)
        rewards = self._rewards(state, record, digests)
        return View(
            record=record,
            status=Status(status),
            due=due,
            claims_open_at=claims_open_at,
            earned=self._earned[key, state.accuracy],
            digests=digests,
            money=money,
            fees=fees,
            rewards=rewards,
            refundable=refundable,
            rest=money.held - rewards - refundable,
        )

    def _rewards(self, state: CampaignState, record: CampaignRecord, digests: tuple[bytes, ...]) -> int:
        """What the contract would still pay for what it keeps."""
        rewards = 0
        for number in range(record.valid_below if record.settled_at else record.scored):
            if any(digests[number]):
                accuracy_before, accuracy_after = _rise(state.gradients[number].scored)
                rewards += self._earned[state.id, accuracy_after] - self._earned[state.id, accuracy_before]
        return rewards


def _rise(scored: ScoredRecord | None) -> tuple[int, ...]:
    return (scored.accuracy_before, scored.accuracy_after) if scored else ()


def _word(record: GradientRecord, scored: ScoredRecord | None, paid: bool, fee_back: bool, share: int) -> bytes:
    """What the chain keeps of a Gradient: nothing once nothing can be paid for it any more."""
    if paid or (fee_back and not share):
        return bytes(32)
    if fee_back:
        return keccak(encode(["uint256", "address"], [_COMPENSABLE, record.miner]))
    return scored.digest(record.miner) if scored else record.digest()


def _record(c: Campaign) -> CampaignRecord:
    return CampaignRecord(
        **_of_terms(c.terms, c.recorded),
        submitted=len(c.gradients),
        scored=c.scored,
        accuracy=c.accuracy,
        due=queue_due(c),
        ends_at=c.ends_at,
        version=c.version,
        recorded=c.recorded,
        scientist=c.scientist,
        starting_accuracy=c.start,
        settled_at=c.settled_at,
        valid_below=c.valid_below,
        refunded=c.refunded,
        bond_collected=c.bond_collected,
        scoring_fees_collected=c.fees_collected,
    )


def _record_of_ledger(state: CampaignState) -> CampaignRecord:
    same = (
        "submitted scored accuracy due ends_at recorded scientist starting_accuracy settled_at valid_below refunded"
        " bond_collected scoring_fees_collected"
    )
    values = {name: getattr(state, name) for name in same.split()}
    return CampaignRecord(
        **_of_terms(state.terms, state.recorded), **values, version=state.model.version if state.models else 0
    )


def _of_terms(terms: Terms, recorded: Status) -> dict[str, object]:
    """What the contract keeps of the terms; a conviction leaves nothing to audit."""
    names = (
        "capsule target_accuracy delivery_window scoring_fee min_improvement scoring_window per_gradient"
        " unavailability_window duration currency capsule_fee bounty capsule_bond arbiter compensation audit_window"
        " notice_period"
    )
    kept = {name: getattr(terms, name) for name in names.split()}
    return kept | {"audit_window": 0} if recorded is Status.CONVICTED else kept
