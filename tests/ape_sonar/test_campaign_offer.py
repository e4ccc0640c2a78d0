from __future__ import annotations

from dataclasses import fields, replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ape_sonar.campaign_offer import DAY, HOUR, CampaignOffer, OfferError
from sonar_core.protocol.rewards import earned, remaining_reward
from sonar_core.protocol.structs import CapsuleTerms, CurrencyTerms, Terms
from sonar_core.protocol.units import COIN, WAD, ZERO_ADDRESS

CAPSULE, ARBITER = "0x" + "11" * 20, "0x" + "22" * 20
EASY = CapsuleTerms(1, 1, 1, 1, 1, 10_000)
SERVED = CurrencyTerms(True, 0, 2**128 - 1)
OFFER = CampaignOffer(
    capsule=CAPSULE,
    currency=ZERO_ADDRESS,
    bounty=1_000_000,
    duration=2 * DAY,
    target_accuracy=WAD,
    starting_accuracy=WAD // 10,
    rows=360,
)


def terms(offer: CampaignOffer = OFFER, capsule: CapsuleTerms = EASY, currency: CurrencyTerms = SERVED) -> Terms:
    return offer.terms(
        capsule, currency, currency=COIN, spec=b"s" * 32, validation=b"v" * 32, validation_root=b"r" * 32
    )


def test_what_is_not_said_is_sensible() -> None:
    made = terms()
    assert (made.capsule_bond, made.compensation, made.capsule_fee, made.scoring_fee) == (1_000_000, 1, 0, 1)
    assert made.min_improvement == WAD // 360
    assert (made.open_within, made.notice_period, made.scoring_window) == (HOUR, HOUR, HOUR)
    assert (made.per_gradient, made.unavailability_window, made.delivery_window) == (120, HOUR // 2, DAY)
    assert (made.audit_window, made.parent, made.scheme) == (0, bytes(32), 1)


def test_an_arbiter_gets_time_to_look() -> None:
    assert terms(replace(OFFER, arbiter=ARBITER)).audit_window == DAY


def test_defaults_are_raised_to_what_the_capsule_announced() -> None:
    slow = CapsuleTerms(77, 2 * HOUR, 3 * HOUR, 600, 2 * DAY, 10_000)
    made = terms(capsule=slow, currency=CurrencyTerms(True, 55, 2**100))
    assert (made.scoring_fee, made.capsule_fee) == (77, 55)
    assert (made.open_within, made.scoring_window) == (2 * HOUR, 3 * HOUR)
    assert (made.per_gradient, made.delivery_window) == (600, 2 * DAY)


def test_what_is_said_is_kept() -> None:
    said: dict[str, Any] = {
        "capsule_fee": 5,
        "capsule_bond": 7,
        "compensation": 3,
        "scoring_fee": 9,
        "min_improvement": WAD // 100,
        "open_within": 61,
        "notice_period": 0,
        "scoring_window": 62,
        "per_gradient": 0,
        "unavailability_window": 60,
        "delivery_window": 63,
        "audit_window": 64,
    }
    made = terms(replace(OFFER, **said))
    assert {name: getattr(made, name) for name in said} == said


def test_unavailability_stays_below_a_short_scoring_window() -> None:
    made = terms(replace(OFFER, scoring_window=600))
    assert made.unavailability_window == 300


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"bounty": 0}, "Bounty is nothing"),
        ({"bounty": 2**128}, "larger"),
        ({"capsule_fee": 2**96}, "larger"),
        ({"starting_accuracy": WAD}, "starts at accuracy 1.0000, and the target is 1.0000"),
        ({"target_accuracy": 0}, "target accuracy"),
        ({"target_accuracy": WAD + 1}, "target accuracy"),
        ({"min_improvement": 0}, "smallest improvement"),
        ({"min_improvement": WAD + 1}, "smallest improvement"),
        ({"bounty": 100}, "less than one smallest unit"),
        ({"duration": 0}, "duration"),
        ({"open_within": 0}, "open_within"),
        ({"delivery_window": 0}, "delivery_window"),
        ({"unavailability_window": 0}, "unavailability_window"),
        ({"unavailability_window": HOUR}, "shorter than scoring_window"),
    ],
)
def test_offers_that_contradict_themselves(change: dict[str, Any], why: str) -> None:
    with pytest.raises(OfferError, match=why):
        terms(replace(OFFER, **change))


def test_what_the_capsule_does_not_serve() -> None:
    with pytest.raises(
        OfferError, match=r"bond of at most 0\.000000000000000999 ether, and 0\.000000000001 ether is asked"
    ):
        terms(currency=CurrencyTerms(True, 0, 999))
    assert terms(replace(OFFER, capsule_bond=999), currency=CurrencyTerms(True, 0, 999)).capsule_bond == 999


def test_the_published_example() -> None:
    """Bounty 1,000, target 80 %: a rise of 2 % pays 25."""
    made = replace(terms(), bounty=1_000, target_accuracy=80 * WAD // 100)
    assert earned(made, 52 * WAD // 100) - earned(made, 50 * WAD // 100) == 25
    assert remaining_reward(made, 40 * WAD // 100) == 500
    assert earned(made, WAD) == 1_000


accuracies = st.integers(0, WAD)


@given(st.integers(1, 2**128 - 1), st.integers(1, WAD), accuracies, accuracies)
def test_rewards_follow_the_rule_to_within_one_unit(bounty: int, target: int, one: int, other: int) -> None:
    made = replace(terms(), bounty=bounty, target_accuracy=target)
    before, after = sorted((one, other))
    reward = earned(made, after) - earned(made, before)
    exact = Fraction(bounty) * (min(after, target) - min(before, target)) / target
    assert abs(reward - exact) < 1
    assert earned(made, before) + reward + remaining_reward(made, after) == bounty


def test_an_offer_names_every_choice_of_the_terms() -> None:
    ours = {field.name for field in fields(CampaignOffer)}
    theirs = {field.name for field in fields(Terms)}
    assert ours - theirs == {"rows"}
    assert theirs - ours == {"spec", "validation", "validation_root", "parent", "scheme"}
