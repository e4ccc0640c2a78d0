"""One Campaign told in events, without a chain: its terms, and how it begins and goes on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sonar_core.protocol import events as ev
from sonar_core.protocol.events import LogPosition
from sonar_core.protocol.ledger import Ledger
from sonar_core.protocol.structs import CampaignStart, Score, Terms

ALICE, CAPSULE, MINER = ("0x" + letter * 40 for letter in "abc")
CAMPAIGN, ROOT = b"c" * 32, b"r" * 32
WAD = 10**18
TERMS = Terms(
    capsule=CAPSULE,
    arbiter=ALICE,
    currency=ALICE,
    bounty=1000,
    capsule_fee=50,
    capsule_bond=300,
    compensation=40,
    scoring_fee=7,
    starting_accuracy=0,
    target_accuracy=WAD * 8 // 10,
    min_improvement=WAD // 100,
    open_within=60,
    duration=1000,
    notice_period=10,
    scoring_window=100,
    per_gradient=10,
    unavailability_window=50,
    delivery_window=200,
    audit_window=30,
    scheme=1,
    spec=ROOT,
    validation=ROOT,
    validation_root=ROOT,
    parent=bytes(32),
)


def at(time: int) -> LogPosition:
    return LogPosition(time, ROOT, 0, ROOT, time)


def percent(number: float) -> int:
    return round(number * 10**16)


def opened(**changes: Any) -> Ledger:
    ledger = Ledger()
    ledger.apply(ev.CampaignCreated(at(10), CAMPAIGN, ALICE, CAPSULE, 1, replace(TERMS, **changes)))
    ledger.apply(ev.CampaignOpened(at(20), CAMPAIGN, CampaignStart(ROOT, ROOT, ROOT, ROOT, percent(2)), ROOT, 1020))
    return ledger


def submitted(number: int, time: int, due: int) -> ev.GradientSubmitted:
    return ev.GradientSubmitted(at(time), CAMPAIGN, number, MINER, ROOT, ROOT, 0, time, due)


def scored(number: int, accuracy_before: int, accuracy_after: int, time: int, due: int) -> ev.GradientScored:
    model = ROOT if accuracy_after > accuracy_before else bytes(32)
    score = Score(accuracy_after, 4, model, ROOT, ROOT, ROOT)
    return ev.GradientScored(at(time), CAMPAIGN, number, MINER, accuracy_before, accuracy_after, number + 1, due, score)
