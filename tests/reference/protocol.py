"""The protocol's functions, in the interface's order: pure rules that take what is known to an outcome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sonar_core.protocol.events import snake_case
from sonar_core.protocol.structs import (
    CampaignStart,
    CapsuleTerms,
    CurrencyOffer,
    GradientRecord,
    Next,
    Rejection,
    Score,
    ScoredRecord,
    Status,
    Terms,
    campaign_id,
    rejection_details,
)
from sonar_core.protocol.units import LONGEST_SECONDS
from tests.reference.campaign import Campaign, Gradient
from tests.reference.message import Call, Message, Outcome, Refused, Transfer, need
from tests.reference.purse import COIN, Purse
from tests.reference.queue import (
    after_score,
    need_following,
    need_oldest,
    need_scored,
    need_unscored,
    queue_due,
)
from tests.reference.registry import Registry
from tests.reference.rules import (
    NOBODY,
    WAD,
    need_claims,
    need_content,
    need_mining,
    need_requested,
    need_running,
    need_sound_terms,
)

LONGEST_REASON = 256


class Protocol:
    """All Campaigns, what Capsules announced, and the money. Only `play` changes anything, once it has an outcome."""

    def __init__(self, chain_id: int, sonar: str, purse: Purse) -> None:
        self._chain_id, self._sonar = chain_id, sonar
        self.registry, self.purse = Registry(), purse
        self.campaigns: dict[bytes, Campaign] = {}

    def judge(self, call: Call, now: int) -> str:
        """The name of the error that refuses the call at that time, or "" where it goes through."""
        try:
            self._outcome(call, now)
        except Refused as refused:
            return refused.error
        return ""

    def play(self, call: Call, now: int) -> tuple[tuple[object, ...], ...]:
        """The events of a call that goes through. Raises Refused, and then nothing has changed."""
        outcome = self._outcome(call, now)
        if isinstance(outcome.after, Registry):
            self.registry = outcome.after
        else:
            self.campaigns[outcome.after.id] = self._booked(outcome)
        return outcome.events

    def id_of(self, scientist: str, nonce: int, terms: Terms) -> bytes:
        return campaign_id(self._chain_id, self._sonar, scientist, nonce, terms)

    def _booked(self, outcome: Outcome) -> Campaign:
        """The Campaign once the money of the outcome has moved."""
        c = outcome.after
        for transfer in filter(None, [outcome.received]):
            self.purse.receive(transfer.party, COIN if transfer.scoring else c.terms.currency, transfer.amount)
            c = c.booked(transfer.scoring, escrowed=transfer.amount)
        for transfer in outcome.paid:
            self.purse.pay(transfer.party, COIN if transfer.scoring else c.terms.currency, transfer.amount)
            c = c.booked(transfer.scoring, paid=transfer.amount)
        return c

    def _outcome(self, call: Call, now: int) -> Outcome:
        rule = getattr(self, f"_{snake_case(call.function)}")
        return rule(Message(call.sender, call.value, now), *call.arguments)

    # ------------------------------------------------------------------ CapsuleRegistry

    def _announce(self, by: Message, certificates: bytes, terms: CapsuleTerms, offers: list[CurrencyOffer]) -> Outcome:
        after = self.registry.announced(by.sender, certificates, terms, offers)
        return Outcome(after, (("CapsuleAnnounced", by.sender, certificates, terms, tuple(offers)),))

    # ------------------------------------------------------------------ Data Scientist

    def _create(self, by: Message, nonce: int, terms: Terms) -> Outcome:
        campaign = self.id_of(by.sender, nonce, terms)
        need(campaign not in self.campaigns, "CampaignExists")
        need_sound_terms(terms)
        self._need_parent(by.sender, terms)
        self.registry.certificates_for(terms)
        escrow = terms.bounty + terms.capsule_fee
        self.purse.need_escrow(by.sender, by.value, terms.currency, escrow)
        created = Campaign(campaign, by.sender, terms, by.now + terms.open_within, terms.starting_accuracy)
        said = ("CampaignCreated", campaign, by.sender, terms.capsule, nonce, terms)
        return Outcome(created, (said,), received=Transfer(by.sender, escrow))

    def _cancel(self, by: Message, campaign: bytes) -> Outcome:
        c = self._of_scientist(campaign, by)
        need_requested(c, by.now)
        return Outcome(replace(c, recorded=Status.CANCELLED), (("CampaignCancelled", campaign),))

    def _stop(self, by: Message, campaign: bytes) -> Outcome:
        c = self._of_scientist(campaign, by)
        need_mining(c, by.now)
        ends_at = by.now + c.terms.notice_period
        need(ends_at < c.ends_at, "EndNotNearer")
        return Outcome(replace(c, ends_at=ends_at), (("CampaignStopped", campaign, ends_at),))

    def _refund(self, by: Message, campaign: bytes, to: str) -> Outcome:
        c = self._of_scientist(campaign, by)
        need(to != NOBODY, "ZeroAddress")
        if c.status(by.now) not in (Status.DECLINED, Status.CANCELLED):
            need_claims(c, by.now)
        need(c.refundable > 0, "NothingToRefund")
        said = ("Refunded", campaign, by.sender, to, c.refundable)
        return Outcome(replace(c, refunded=True), (said,), paid=(Transfer(to, c.refundable),))

    # ------------------------------------------------------------------ Capsule

    def _open(self, by: Message, campaign: bytes, start: CampaignStart) -> Outcome:
        c = self._of_capsule(campaign, by)
        need_requested(c, by.now)
        need_content(start.public_key, start.public_key_root, start.model, start.model_root)
        need(start.accuracy < c.terms.target_accuracy, "StartNotBelowTarget")
        # The time to open has done its work by then, whatever the Capsule asks for since.
        certificates = self.registry.certificates_for(replace(c.terms, open_within=LONGEST_SECONDS))
        self.purse.need_escrow(by.sender, by.value, c.terms.currency, c.terms.capsule_bond)
        ends_at, accuracy = by.now + c.terms.duration, start.accuracy
        opened = replace(c, recorded=Status.OPEN, ends_at=ends_at, start=accuracy, accuracy=accuracy)
        said = ("CampaignOpened", campaign, start, certificates, ends_at)
        return Outcome(opened, (said,), received=Transfer(by.sender, c.terms.capsule_bond))

    def _decline(self, by: Message, campaign: bytes, reason: str) -> Outcome:
        c = self._of_capsule(campaign, by)
        need_requested(c, by.now)
        need(len(reason.encode()) <= LONGEST_REASON, "ReasonTooLong")
        return Outcome(replace(c, recorded=Status.DECLINED), (("CampaignDeclined", campaign, reason),))

    def _score_gradient(
        self, by: Message, campaign: bytes, given: GradientRecord, score: Score, following: Next
    ) -> Outcome:
        c = self._of_capsule(campaign, by)
        gradient = need_oldest(c, by.now, given)
        need(score.accuracy <= WAD, "AccuracyOutOfRange")
        need_content(score.model_root, score.unsealed_bundle, score.evidence)
        needed = c.accuracy + min(c.terms.min_improvement, c.terms.target_accuracy - c.accuracy)
        improved = score.accuracy >= needed
        need(not improved or any(score.model), "ImprovementWithoutModel")
        need(improved or not any(score.model), "ModelWithoutImprovement")
        accuracy_after = score.accuracy if improved else c.accuracy
        details = score.details(given.core(), by.now)
        after = after_score(
            c, by.now, replace(gradient, scored=ScoredRecord(given.number, c.accuracy, accuracy_after, details))
        )
        after = replace(after, accuracy=accuracy_after, version=c.version + improved)
        need_following(after, following)
        due = queue_due(after)
        said = (
            "GradientScored",
            campaign,
            given.number,
            given.miner,
            c.accuracy,
            accuracy_after,
            after.version,
            due,
            score,
        )
        if not after.target_met:
            return Outcome(after, (said,))
        return Outcome(
            replace(after, ends_at=by.now), (said, ("TargetReached", campaign, accuracy_after, after.unscored))
        )

    def _reject_gradient(
        self,
        by: Message,
        campaign: bytes,
        given: GradientRecord,
        reason: Rejection,
        unsealed_bundle: bytes,
        evidence: bytes,
        following: Next,
    ) -> Outcome:
        c = self._of_capsule(campaign, by)
        gradient = need_oldest(c, by.now, given)
        if reason is Rejection.UNAVAILABLE:
            not_before = given.submitted_at + c.terms.unavailability_window
            need(by.now >= not_before, "UnavailableTooEarly")
        details = rejection_details(given.core(), reason, unsealed_bundle, evidence, by.now)
        after = after_score(
            c, by.now, replace(gradient, scored=ScoredRecord(given.number, c.accuracy, c.accuracy, details))
        )
        need_following(after, following)
        said = (campaign, given.number, given.miner, c.accuracy, queue_due(after), reason, unsealed_bundle, evidence)
        return Outcome(after, (("GradientRejected", *said),))

    def _rebase(self, by: Message, campaign: bytes, model: bytes, root: bytes, evidence: bytes) -> Outcome:
        c = self._of_capsule(campaign, by)
        need_running(c, by.now)
        need_content(model, root)
        version = c.version + 1
        return Outcome(replace(c, version=version), (("ModelRebased", campaign, version, model, root, evidence),))

    def _deliver(self, by: Message, campaign: bytes, delivery: bytes, root: bytes) -> Outcome:
        c = self._of_capsule(campaign, by)
        need_running(c, by.now)
        need(c.status(by.now) is Status.CLOSING, "DeliveryTooEarly")
        need(not c.awaits_score, "GradientsUnscored")
        need_content(delivery, root)
        said = ("CampaignDelivered", campaign, delivery, root)
        return Outcome(c.settled(Status.DELIVERED, by.now, c.scored), (said,))

    def _collect_bond(self, by: Message, campaign: bytes, to: str) -> Outcome:
        c = self._of_capsule(campaign, by)
        need(to != NOBODY, "ZeroAddress")
        need_claims(c, by.now)
        need(c.collectable > 0, "NothingToCollect")
        said = ("BondCollected", campaign, by.sender, to, c.collectable)
        return Outcome(replace(c, bond_collected=True), (said,), paid=(Transfer(to, c.collectable),))

    def _collect_scoring_fees(self, by: Message, campaign: bytes, to: str) -> Outcome:
        c = self._of_capsule(campaign, by)
        need(to != NOBODY, "ZeroAddress")
        need_claims(c, by.now)
        amount = 0 if c.fees_collected else c.valid_below * c.terms.scoring_fee
        need(amount > 0, "NothingToCollect")
        said = ("ScoringFeesCollected", campaign, by.sender, to, amount)
        return Outcome(replace(c, fees_collected=True), (said,), paid=(Transfer(to, amount, scoring=True),))

    # ------------------------------------------------------------------ Miner

    def _submit_gradient(self, by: Message, campaign: bytes, bundle: bytes, commitment: bytes, version: int) -> Outcome:
        c = self._known(campaign)
        need_mining(c, by.now)
        need(by.value == c.terms.scoring_fee, "WrongValue")
        need(version <= c.version, "VersionUnknown")
        need_content(bundle, commitment)
        due = by.now + c.terms.scoring_window + c.terms.per_gradient * c.unscored
        record = GradientRecord(len(c.gradients), by.sender, bundle, commitment, version, by.now, due)
        after = replace(c, gradients=(*c.gradients, Gradient(record)))
        said = ("GradientSubmitted", campaign, *record.to_tuple())
        return Outcome(after, (said,), received=Transfer(by.sender, by.value, scoring=True))

    def _claim(self, by: Message, campaign: bytes, given: list[ScoredRecord], to: str) -> Outcome:
        c = self._paying(campaign, by, to)
        after, rewards = c, []
        for scored in given:
            need(scored.number < c.valid_below, "GradientVoid")
            gradient = need_scored(after, by.sender, scored)
            need(c.reward(scored) > 0, "NothingEarned")
            after = after.with_gradients(replace(gradient, rewarded=True))
            rewards.append(c.reward(scored))
        said = [
            ("Claimed", campaign, s.number, by.sender, to, reward) for s, reward in zip(given, rewards, strict=True)
        ]
        return Outcome(after, tuple(said), paid=(Transfer(to, sum(rewards)),))

    def _reclaim_scoring_fees(self, by: Message, campaign: bytes, given: list[GradientRecord], to: str) -> Outcome:
        return self._reclaim(by, campaign, given, to, need_unscored)

    def _reclaim_voided_scoring_fees(self, by: Message, campaign: bytes, given: list[ScoredRecord], to: str) -> Outcome:
        return self._reclaim(by, campaign, given, to, need_scored)

    def _reclaim(
        self, by: Message, campaign: bytes, given: list[Any], to: str, kept: Callable[..., Gradient]
    ) -> Outcome:
        c = self._paying(campaign, by, to)
        after, fee = c, c.terms.scoring_fee
        for preimage in given:
            need(preimage.number >= c.valid_below, "GradientValid")
            after = after.with_gradients(replace(kept(after, by.sender, preimage), fee_back=True))
        said = [("ScoringFeeReclaimed", campaign, preimage.number, by.sender, to, fee) for preimage in given]
        return Outcome(after, tuple(said), paid=(Transfer(to, fee * len(given), scoring=True),))

    def _compensate(self, by: Message, campaign: bytes, numbers: list[int], to: str) -> Outcome:
        c = self._paying(campaign, by, to)
        after = c
        for number in numbers:
            need(number < len(c.gradients), "WrongGradient")
            gradient = after.gradients[number]
            owed = gradient.fee_back and not gradient.compensated and c.share > 0
            need(owed and gradient.record.miner == by.sender, "WrongGradient")
            after = after.with_gradients(replace(gradient, compensated=True))
        said = [("Compensated", campaign, number, by.sender, to, c.share) for number in numbers]
        return Outcome(after, tuple(said), paid=(Transfer(to, c.share * len(numbers)),))

    # ------------------------------------------------------------------ anyone and arbiter

    def _expire(self, by: Message, campaign: bytes) -> Outcome:
        c = self._known(campaign)
        need(c.recorded is Status.OPEN and c.status(by.now) is Status.EXPIRED, "NothingMissed")
        return Outcome(c.settled(Status.EXPIRED, by.now, c.scored), (("CampaignExpired", campaign, c.due),))

    def _convict(self, by: Message, campaign: bytes, miner: str, first_false: ScoredRecord) -> Outcome:
        c = self._known(campaign)
        need(by.sender == c.terms.arbiter, "NotArbiter")
        need(c.recorded in (Status.OPEN, Status.DELIVERED, Status.EXPIRED), "NotConvictable")
        need(not c.settled_at or by.now < c.claims_open_at, "ConvictionTooLate")
        need(first_false.number < c.scored, "NotNextInOrder")
        need_scored(c, miner, first_false)
        convicted = c.settled(Status.CONVICTED, by.now, first_false.number)
        said = ("CapsuleConvicted", campaign, first_false.number, first_false.accuracy_before)
        return Outcome(replace(convicted, accuracy=first_false.accuracy_before), (said,))

    # ------------------------------------------------------------------ who

    def _known(self, campaign: bytes) -> Campaign:
        need(campaign in self.campaigns, "UnknownCampaign")
        return self.campaigns[campaign]

    def _of_scientist(self, campaign: bytes, by: Message) -> Campaign:
        c = self._known(campaign)
        need(by.sender == c.scientist, "NotScientist")
        return c

    def _of_capsule(self, campaign: bytes, by: Message) -> Campaign:
        c = self._known(campaign)
        need(by.sender == c.terms.capsule, "NotCapsule")
        return c

    def _paying(self, campaign: bytes, by: Message, to: str) -> Campaign:
        need(to != NOBODY, "ZeroAddress")
        c = self._known(campaign)
        need_claims(c, by.now)
        return c

    def _need_parent(self, scientist: str, terms: Terms) -> None:
        """None, or a Delivered Campaign of the same Data Scientist and Capsule."""
        if any(terms.parent):
            parent = self.campaigns.get(terms.parent)
            need(parent is not None and parent.recorded is Status.DELIVERED, "ParentUnusable")
            assert parent is not None
            need((parent.scientist, parent.terms.capsule) == (scientist, terms.capsule), "ParentUnusable")
