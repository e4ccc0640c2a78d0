"""The protocol's functions by their names, as the interface promises them. Atomic: what is refused changes nothing."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy

from ape_sonar.terms import Rejection, Status, Terms
from tests.reference.campaign import Campaign, Gradient, Kept
from tests.reference.money import earned

WAD = 10**18
NOBODY = "0x" + "00" * 20
COIN = NOBODY
LONGEST_REASON = 256


class Refused(Exception):  # noqa: N818 - it carries the name of the contracts' error
    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


def need(condition: bool, error: str) -> None:
    if not condition:
        raise Refused(error)


class Protocol:
    """All Campaigns, what Sonar holds by currency, and what each payee has been paid."""

    def __init__(self, served: dict[str, tuple[str, ...]]) -> None:
        """`served`: the currencies that each announced Capsule accepts, on the smallest terms a test needs."""
        self.served = served
        self.campaigns: dict[bytes, Campaign] = {}
        self.held: Counter[str] = Counter()
        self.paid: Counter[tuple[str, str]] = Counter()

    def play(self, function: str, now: int, sender: str, campaign: bytes, **arguments: object) -> None:
        """Raises Refused with the error's name, and then nothing has changed."""
        former = deepcopy(self.campaigns.get(campaign)), self.held.copy(), self.paid.copy()
        try:
            getattr(self, function)(now, sender, campaign, **arguments)
        except Refused:
            self.held, self.paid = former[1:]
            if former[0] is not None:
                self.campaigns[campaign] = former[0]
            raise

    def judge(self, function: str, now: int, sender: str, campaign: bytes, **arguments: object) -> str:
        """The error's name, or "" where it would go through. Changes nothing."""
        trial = Protocol(self.served)
        trial.campaigns = dict(self.campaigns)
        if campaign in trial.campaigns:
            trial.campaigns[campaign] = deepcopy(trial.campaigns[campaign])
        try:
            trial.play(function, now, sender, campaign, **arguments)
        except Refused as refused:
            return refused.error
        return ""

    # ------------------------------------------------------------------ Data Scientist

    def create(self, now, sender, campaign, terms: Terms, nonce: int) -> None:
        need(campaign not in self.campaigns, "CampaignExists")
        self._need_sound(sender, terms)
        self._need_served(terms)
        self.campaigns[campaign] = Campaign(sender, terms, ends_at=now + terms.open_within)
        self.held[terms.currency] += terms.bounty + terms.capsule_fee

    def cancel(self, now, sender, campaign) -> None:
        c = self._of_scientist(campaign, sender)
        self._need_requested(c, now)
        c.recorded = Status.CANCELLED

    def stop(self, now, sender, campaign) -> None:
        c = self._of_scientist(campaign, sender)
        self._need_mining(c, now)
        need(now + c.terms.notice_period < c.ends_at, "EndNotNearer")
        c.ends_at = now + c.terms.notice_period

    def refund(self, now, sender, campaign, to) -> None:
        c = self._of_scientist(campaign, sender)
        need(to != NOBODY, "ZeroAddress")
        if c.status(now) not in (Status.DECLINED, Status.CANCELLED):
            self._need_claims(campaign, now)
        amount = c.refundable()
        need(amount > 0, "NothingToRefund")
        c.refunded = True
        self._pay(to, c.terms.currency, amount)

    # ------------------------------------------------------------------ Capsule

    def open(self, now, sender, campaign, accuracy, value, content) -> None:
        c = self._of_capsule(campaign, sender)
        self._need_requested(c, now)
        need(accuracy < c.terms.target_accuracy, "StartNotBelowTarget")
        need(content, "NoContent")
        need(value == (c.terms.capsule_bond if c.terms.currency == COIN else 0), "WrongValue")
        c.recorded, c.ends_at = Status.OPEN, now + c.terms.duration
        c.start = c.accuracy = accuracy
        self.held[c.terms.currency] += c.terms.capsule_bond

    def decline(self, now, sender, campaign, reason) -> None:
        c = self._of_capsule(campaign, sender)
        self._need_requested(c, now)
        need(len(reason.encode()) <= LONGEST_REASON, "ReasonTooLong")
        c.recorded = Status.DECLINED

    def score_gradient(self, now, sender, campaign, number, forged, next_forged, accuracy, model, content) -> None:
        c = self._of_capsule(campaign, sender)
        gradient = self._oldest(c, now, number, forged)
        need(accuracy <= WAD, "AccuracyOutOfRange")
        need(content, "NoContent")
        rise = min(c.terms.min_improvement, c.terms.target_accuracy - c.accuracy)
        improved = accuracy - c.accuracy >= rise
        need(model or not improved, "ImprovementWithoutModel")
        need(improved or not model, "ModelWithoutImprovement")
        self._advance(c, now, gradient, accuracy if improved else c.accuracy, next_forged)
        c.version += improved
        if c.target_met:
            c.ends_at = now

    def reject_gradient(self, now, sender, campaign, number, forged, next_forged, reason) -> None:
        c = self._of_capsule(campaign, sender)
        gradient = self._oldest(c, now, number, forged)
        if reason is Rejection.UNAVAILABLE:
            need(now >= gradient.submitted_at + c.terms.unavailability_window, "UnavailableTooEarly")
        self._advance(c, now, gradient, c.accuracy, next_forged)

    def rebase(self, now, sender, campaign, content) -> None:
        c = self._of_capsule(campaign, sender)
        self._need_running(c, now)
        need(content, "NoContent")
        c.version += 1

    def deliver(self, now, sender, campaign, content) -> None:
        c = self._of_capsule(campaign, sender)
        self._need_running(c, now)
        need(c.status(now) is Status.CLOSING, "DeliveryTooEarly")
        need(not c.awaits_score, "GradientsUnscored")
        need(content, "NoContent")
        self._settle(c, now, Status.DELIVERED, c.scored)

    def collect_bond(self, now, sender, campaign, to) -> None:
        c = self._of_capsule(campaign, sender)
        need(to != NOBODY, "ZeroAddress")
        self._need_claims(campaign, now)
        amount = c.terms.capsule_bond + c.terms.capsule_fee
        need(c.recorded is Status.DELIVERED and amount > 0 and not c.bond_collected, "NothingToCollect")
        c.bond_collected = True
        self._pay(to, c.terms.currency, amount)

    def collect_scoring_fees(self, now, sender, campaign, to) -> None:
        c = self._of_capsule(campaign, sender)
        need(to != NOBODY, "ZeroAddress")
        self._need_claims(campaign, now)
        need(c.sound * c.terms.scoring_fee > 0 and not c.fees_collected, "NothingToCollect")
        c.fees_collected = True
        self._pay(to, COIN, c.sound * c.terms.scoring_fee)

    # ------------------------------------------------------------------ Miner

    def submit_gradient(self, now, sender, campaign, version, fee, content) -> None:
        c = self._known(campaign)
        self._need_mining(c, now)
        need(fee == c.terms.scoring_fee, "WrongValue")
        need(version <= c.version, "VersionUnknown")
        need(content, "NoContent")
        ahead = len(c.gradients) - c.scored
        due = now + c.terms.scoring_window + c.terms.per_gradient * ahead
        c.gradients.append(Gradient(sender, now, due))
        self.held[COIN] += fee

    def claim(self, now, sender, campaign, numbers, forged, to) -> None:
        c = self._paying(campaign, now, to)
        for number in numbers:
            need(number < c.sound, "GradientVoid")
            gradient = self._taken(c, number, sender, Kept.SCORED, forged)
            reward = c.earned(gradient.afterwards) - c.earned(gradient.before)
            need(reward > 0, "NothingEarned")
            self._pay(to, c.terms.currency, reward)

    def reclaim_fees(self, now, sender, campaign, numbers, forged, to) -> None:
        self._reclaim(now, sender, campaign, numbers, Kept.SUBMITTED, forged, to)

    def reclaim_voided_fees(self, now, sender, campaign, numbers, forged, to) -> None:
        self._reclaim(now, sender, campaign, numbers, Kept.SCORED, forged, to)

    def compensate(self, now, sender, campaign, numbers, to) -> None:
        c = self._paying(campaign, now, to)
        for number in numbers:
            self._taken(c, number, sender, Kept.COMPENSABLE, False)
            self._pay(to, c.terms.currency, c.share())

    # ------------------------------------------------------------------ anyone and arbiter

    def expire(self, now, sender, campaign) -> None:
        c = self._known(campaign)
        need(c.recorded is Status.OPEN and c.status(now) is Status.EXPIRED, "NothingMissed")
        self._settle(c, now, Status.EXPIRED, c.scored)

    def convict(self, now, sender, campaign, number, forged) -> None:
        c = self._known(campaign)
        need(sender == c.terms.arbiter, "NotArbiter")
        need(c.recorded in (Status.OPEN, Status.DELIVERED, Status.EXPIRED), "NotConvictable")
        need(c.recorded is Status.OPEN or now < c.claims_open_at, "ConvictionTooLate")
        need(number < c.scored, "NotNextInOrder")
        need(not forged, "WrongGradient")
        c.accuracy = c.gradients[number].before
        self._settle(c, now, Status.CONVICTED, number)

    # ------------------------------------------------------------------ who and when

    def _known(self, campaign: bytes) -> Campaign:
        need(campaign in self.campaigns, "UnknownCampaign")
        return self.campaigns[campaign]

    def _of_scientist(self, campaign: bytes, sender: str) -> Campaign:
        c = self._known(campaign)
        need(sender == c.scientist, "NotScientist")
        return c

    def _of_capsule(self, campaign: bytes, sender: str) -> Campaign:
        c = self._known(campaign)
        need(sender == c.terms.capsule, "NotCapsule")
        return c

    @staticmethod
    def _need_requested(c: Campaign, now: int) -> None:
        need(c.recorded is Status.REQUESTED, "NotRequested")
        need(now < c.ends_at, "OpeningTooLate")

    @staticmethod
    def _need_running(c: Campaign, now: int) -> None:
        need(c.recorded is Status.OPEN, "NotOpen")
        need(now < c.due() or c.status(now) is not Status.EXPIRED, "WindowMissed")

    def _need_mining(self, c: Campaign, now: int) -> None:
        self._need_running(c, now)
        need(c.status(now) is Status.OPEN, "MiningOver")

    def _need_claims(self, campaign: bytes, now: int) -> Campaign:
        c = self._known(campaign)
        need(c.settled_at > 0, "NotSettled")
        need(now >= c.claims_open_at, "ClaimsNotOpen")
        return c

    def _paying(self, campaign: bytes, now: int, to: str) -> Campaign:
        need(to != NOBODY, "ZeroAddress")
        return self._need_claims(campaign, now)

    def _oldest(self, c: Campaign, now: int, number: int, forged: bool) -> Gradient:
        self._need_running(c, now)
        need(c.awaits_score, "NothingToScore")
        need(number == c.scored, "NotNextInOrder")
        need(not forged, "WrongGradient")
        return c.gradients[number]

    # ------------------------------------------------------------------ terms

    def _need_sound(self, sender: str, t: Terms) -> None:
        need(t.capsule != NOBODY, "ZeroAddress")
        need(any(t.spec) and any(t.validation) and any(t.validation_root), "NoContent")
        need(t.bounty > 0, "ZeroBounty")
        need(0 < t.target_accuracy <= WAD, "TargetOutOfRange")
        need(t.starting_accuracy < t.target_accuracy, "StartNotBelowTarget")
        need(0 < t.min_improvement <= t.target_accuracy, "MinImprovementOutOfRange")
        need(earned(t.bounty, t.min_improvement, t.target_accuracy) >= 1, "MinImprovementWorthless")
        windows = (t.open_within, t.duration, t.scoring_window, t.delivery_window, t.unavailability_window)
        need(min(windows) > 0, "ZeroWindow")
        need(t.unavailability_window < t.scoring_window, "UnavailabilityNotBelowScoring")
        if any(t.parent):
            parent = self.campaigns.get(t.parent)
            usable = parent is not None and parent.recorded is Status.DELIVERED
            usable = usable and (parent.scientist, parent.terms.capsule) == (sender, t.capsule)
            need(usable, "ParentUnusable")

    def _need_served(self, t: Terms) -> None:
        need(t.capsule in self.served, "CapsuleUnknown")
        need(t.currency in self.served[t.capsule], "CurrencyNotAccepted")

    # ------------------------------------------------------------------ queue and money

    @staticmethod
    def _advance(c: Campaign, now: int, gradient: Gradient, afterwards: int, next_forged: bool) -> None:
        gradient.before, gradient.afterwards, gradient.kept = c.accuracy, afterwards, Kept.SCORED
        c.accuracy = afterwards
        c.scored += 1
        c.after_score = now + c.terms.delivery_window
        need(not (c.awaits_score and next_forged), "WrongNext")

    @staticmethod
    def _settle(c: Campaign, now: int, status: Status, sound: int) -> None:
        c.recorded, c.settled_at, c.sound = status, now, sound
        c.claims_open_at = now + (0 if status is Status.CONVICTED else c.terms.audit_window)

    @staticmethod
    def _taken(c: Campaign, number: int, sender: str, kind: Kept, forged: bool) -> Gradient:
        """Each thing kept is good for one payment, to its Miner."""
        need(number < len(c.gradients) and not forged, "WrongGradient")
        gradient = c.gradients[number]
        need(gradient.kept is kind and gradient.miner == sender, "WrongGradient")
        gradient.kept = Kept.NOTHING
        return gradient

    def _reclaim(self, now, sender, campaign, numbers, kind, forged, to) -> None:
        c = self._paying(campaign, now, to)
        for number in numbers:
            need(number >= c.sound, "GradientSound")
            gradient = self._taken(c, number, sender, kind, forged)
            gradient.kept = Kept.COMPENSABLE if c.share() > 0 else Kept.NOTHING
            self._pay(to, COIN, c.terms.scoring_fee)

    def _pay(self, to: str, currency: str, amount: int) -> None:
        self.held[currency] -= amount
        self.paid[to, currency] += amount
