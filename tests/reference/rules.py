"""What must hold before a function does anything: sound terms, the right time, content where there must be some."""

from __future__ import annotations

from sonar_core.protocol.structs import Status, Terms
from sonar_core.protocol.units import WAD, ZERO_ADDRESS
from tests.reference.campaign import Campaign
from tests.reference.message import need
from tests.reference.money import earned

NOBODY = ZERO_ADDRESS


def need_content(*words: bytes) -> None:
    """Content addresses and roots that must be there."""
    need(all(any(word) for word in words), "NoContent")


def need_sound_terms(t: Terms) -> None:
    """Terms that contradict nothing, whoever offers them to whom."""
    need(t.bounty > 0, "ZeroBounty")
    need(t.capsule != NOBODY, "ZeroAddress")
    need(0 < t.target_accuracy <= WAD, "TargetOutOfRange")
    need(t.starting_accuracy < t.target_accuracy, "StartNotBelowTarget")
    need(0 < t.min_improvement <= t.target_accuracy, "MinImprovementOutOfRange")
    need(earned(t.bounty, t.min_improvement, t.target_accuracy) >= 1, "MinImprovementWorthless")
    need(min(t.open_within, t.duration, t.scoring_window, t.unavailability_window, t.delivery_window) > 0, "ZeroWindow")
    need(t.unavailability_window < t.scoring_window, "UnavailabilityNotBelowScoring")
    need_content(t.spec, t.validation, t.validation_root)


def need_requested(c: Campaign, now: int) -> None:
    need(c.recorded is Status.REQUESTED, "NotRequested")
    need(now < c.ends_at, "OpeningTooLate")


def need_running(c: Campaign, now: int) -> None:
    need(c.recorded is Status.OPEN, "NotOpen")
    need(now < c.due, "WindowMissed")


def need_mining(c: Campaign, now: int) -> None:
    need_running(c, now)
    need(c.status(now) is Status.OPEN, "MiningOver")


def need_claims(c: Campaign, now: int) -> None:
    need(c.settled_at > 0, "NotSettled")
    need(now >= c.claims_open_at, "ClaimsNotOpen")
