"""Attacks by silence, by floods, by order and by terms: none of them pays."""

from dataclasses import asdict, replace

import pytest

from ape_sonar.campaign_offer import CampaignOffer
from sonar_core.chain import contract_errors as errors
from sonar_core.protocol.structs import CurrencyOffer, CurrencyTerms, Next, Score
from sonar_core.protocol.units import COIN as ETHER_COIN
from tests.attacks.measure import Amount
from tests.world.contracts import CAPSULE_TERMS, COIN, ETHER, SCORING_FEE, WAD, blob, percent

attack = pytest.mark.attack
BOUNTY, BOND, FEE = 10 * ETHER, 4 * ETHER, ETHER
NO_RISE = Score(0, 4, bytes(32), blob("root"), blob("opened"), blob("evidence"))
FLOOD = 8


# ---------------------------------------------------------------------- silence


@attack("a Capsule that goes silent before opening")
def test_a_capsule_silent_before_opening(stage, capsule, scientist, play):
    with play("Capsule", [capsule], victims=[scientist], outcome="full refund"):
        campaign = stage.create(bounty=BOUNTY, capsule_fee=FEE)
        stage.wait("1 hour")
        stage.as_(scientist).refund(campaign, scientist.address)


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param("mining", marks=attack("a Capsule that goes silent while mining")),
        pytest.param("delivery", marks=attack("a Capsule that goes silent before delivery")),
    ],
)
def test_a_capsule_silent_while_mining_or_before_delivery(stage, capsule, scientist, miner, play, moment):
    """It loses its bond; the Data Scientist is made whole first, and the Miner keeps what was earned."""
    with play("Capsule", [capsule], victims=[scientist, miner], outcome="the bond is gone") as played:
        campaign = stage.opened(bounty=BOUNTY, capsule_fee=FEE, capsule_bond=BOND, compensation=10**6)
        stage.submit(campaign)
        stage.score(campaign, percent(16))
        if moment == "mining":
            stage.submit(campaign)
            stage.until(stage.state(campaign).due)
        else:
            stage.until(stage.state(campaign).due_at())
        stage.as_(miner).expire(campaign)
        stage.claim(campaign, 0)
        stage.as_(scientist).refund(campaign, scientist.address)
        stage.as_(capsule).collect_scoring_fees(campaign, capsule.address)
        with pytest.raises(errors.NothingToCollectError):
            stage.as_(capsule).collect_bond(campaign, capsule.address)
        # The reward comes out of the bond in the end, and the fee of the score was paid for a score.
        played.owed = Amount(BOUNTY // 5 - SCORING_FEE)
    assert played.profit.coin == SCORING_FEE - BOND


def _default_terms(stage):
    """What PySonar asks when nothing is said, of a Capsule that announced what `ape capsule announce` does."""
    announced = replace(CAPSULE_TERMS, scoring_fee=10**13)
    stage.announce(terms=announced)
    offer = CampaignOffer(
        capsule=str(stage.capsule.address),
        currency=COIN,
        bounty=BOUNTY,
        duration=86_400,
        target_accuracy=WAD,
        starting_accuracy=0,
        rows=200,
    )
    blobs = {"spec": blob("spec"), "validation": blob("validation"), "validation_root": blob("validation root")}
    return asdict(offer.terms(announced, CurrencyTerms(True, 0, 10**30), currency=ETHER_COIN, **blobs))


def _take_all(stage, campaign, account, numbers):
    """Fees and compensation of Gradients that were left unscored."""
    records = [stage.state(campaign).gradients[number].record for number in numbers]
    stage.as_(account).reclaim_scoring_fees(campaign, records, account.address)
    stage.as_(account).compensate(campaign, list(numbers), account.address)


@attack("a flood of Gradients on a dying Capsule, by others")
def test_a_flood_on_a_dying_capsule(stage, attacker, miner, play):
    """Each takes the compensation, which is worth less than its gas; an earlier Miner's due does not move."""
    outcome = "compensation is less than the gas (profit after gas)"
    with play("Miner", [attacker], victims=[miner], outcome=outcome) as played:
        played.gas_counts = True
        campaign = stage.opened(**_default_terms(stage))
        stage.submit(campaign, miner)
        due = stage.as_(None).due_of(campaign)
        for _ in range(FLOOD):
            stage.submit(campaign, attacker)
        assert stage.as_(None).due_of(campaign) == due
        stage.until(due)
        with pytest.raises(errors.WindowMissedError):
            stage.submit(campaign, attacker)
        stage.as_(attacker).expire(campaign)
        _take_all(stage, campaign, attacker, range(1, 1 + FLOOD))
        _take_all(stage, campaign, miner, [0])
        compensation = stage.state(campaign).terms.compensation
        assert stage.state(campaign).compensation_share() == compensation > 0
        played.owed = Amount(compensation)


@attack("a flood of Gradients on a dying Capsule, by itself")
def test_a_flood_by_the_dying_capsule_itself(stage, capsule, scientist, play):
    """Its own Gradients bring back a small part of its own bond at most."""
    with play("Capsule", [capsule], victims=[scientist], outcome="the bond is gone") as played:
        campaign = stage.opened(**_default_terms(stage))
        for _ in range(FLOOD):
            stage.submit(campaign, capsule)
        stage.until(stage.state(campaign).due)
        stage.as_(capsule).expire(campaign)
        _take_all(stage, campaign, capsule, range(FLOOD))
        stage.as_(scientist).refund(campaign, scientist.address)
        terms = stage.state(campaign).terms
        kept = FLOOD * terms.compensation
    assert played.profit.coin == kept - terms.capsule_bond


# ---------------------------------------------------------------------- the Data Scientist's terms


@pytest.mark.parametrize(
    ("window", "refusal"),
    [
        pytest.param(
            "scoring_window",
            errors.ScoringWindowBelowTermsError,
            marks=attack("a Data Scientist who sets impossible windows: scoring"),
        ),
        pytest.param(
            "per_gradient",
            errors.PerGradientBelowTermsError,
            marks=attack("a Data Scientist who sets impossible windows: each Gradient"),
        ),
        pytest.param(
            "delivery_window",
            errors.DeliveryWindowBelowTermsError,
            marks=attack("a Data Scientist who sets impossible windows: delivery"),
        ),
    ],
)
def test_a_data_scientist_who_sets_impossible_windows(stage, capsule, scientist, play, window, refusal):
    """A trap for the bond: no Campaign is made or opened with windows that the Capsule did not announce."""
    possible = replace(CAPSULE_TERMS, scoring_window=3600, per_gradient=60, delivery_window=7200)
    stage.announce(terms=possible)
    outcome = refusal.__name__.removesuffix("Error")
    with play("Data Scientist", [scientist], victims=[capsule], outcome=outcome):
        with pytest.raises(refusal):
            stage.create(**{window: getattr(possible, window) - 1, "unavailability_window": 60})
        campaign = stage.create()
        stage.announce(terms=replace(possible, **{window: getattr(possible, window) + 1}))
        with pytest.raises(refusal):
            stage.open(campaign)
        stage.wait("1 hour")
        stage.as_(scientist).refund(campaign, scientist.address)


@attack("a target that minImprovement makes unreachable")
def test_a_target_that_the_smallest_improvement_makes_unreachable(stage, scientist, miner, play):
    """The last step always counts: a Data Scientist does not keep the Bounty by asking for more than is left."""
    with play("Data Scientist", [scientist], victims=[miner], outcome="the last step always counts") as played:
        campaign = stage.create(bounty=BOUNTY, capsule_fee=0, min_improvement=percent(80))
        stage.open(campaign, accuracy=percent(40))
        stage.submit(campaign)
        stage.score(campaign, percent(80))
        stage.deliver(campaign)
        stage.claim(campaign, 0)
        stage.as_(scientist).refund(campaign, scientist.address)
        played.honest = Amount(-BOUNTY // 2)
        played.owed = Amount(BOUNTY // 2 - SCORING_FEE)


@attack("a Data Scientist who stops the moment a good Gradient arrives")
def test_a_data_scientist_who_stops_when_a_good_gradient_arrives(stage, scientist, miner, second_miner, play):
    """What is submitted before the notice is over is scored and paid, though the Capsule gets to it after."""
    victims = [miner, second_miner]
    with play("Data Scientist", [scientist], victims=victims, outcome="scored and paid all the same") as played:
        campaign = stage.opened(bounty=BOUNTY, notice_period="10 minutes")
        stage.submit(campaign, miner)
        stage.as_(scientist).stop(campaign)
        stage.wait("5 minutes")
        stage.submit(campaign, second_miner)
        stage.wait("5 minutes")
        for accuracy in (40, 80):
            stage.score(campaign, percent(accuracy))
        stage.deliver(campaign)
        for number, account in enumerate(victims):
            stage.claim(campaign, number, account=account)
        played.honest = Amount(-BOUNTY - 50)
        played.owed = Amount(BOUNTY - 2 * SCORING_FEE)


@attack("a parent's weights taken by a stranger")
def test_a_parent_is_no_strangers_to_take(stage, attacker, scientist, play):
    with play("Data Scientist", [attacker], victims=[scientist], outcome="ParentUnusable") as played:
        parent = stage.opened()
        stage.delivered(parent)
        with pytest.raises(errors.ParentUnusableError) as refused:
            stage.create(attacker, parent=parent)
        played.owed = Amount(-50)
    assert refused.value.evidence["scientist"] == scientist.address


# ---------------------------------------------------------------------- the Capsule's word


@attack("a Capsule that rejects a Gradient and submits it as its own")
def test_a_capsule_rejects_and_submits_as_its_own(stage, capsule, miner, arbiter, play):
    """The chain keeps who came first, with the opened bundle's address: an arbiter takes loot and bond back."""
    with play("Capsule", [capsule], victims=[miner], outcome="convicted; fee and compensation back") as played:
        campaign = stage.opened(
            bounty=BOUNTY,
            capsule_bond=BOND,
            compensation=10**15,
            arbiter=str(arbiter.address),
            audit_window="1 day",
        )
        stage.submit(campaign, miner, bundle="good")
        stage.reject(campaign)
        stage.submit(campaign, capsule, bundle="stolen")
        stage.score(campaign, percent(80))
        stage.deliver(campaign)
        false, stolen = (stage.state(campaign).gradients[number].scored for number in (0, 1))
        stage.as_(arbiter).convict(campaign, miner.address, false)
        with pytest.raises(errors.GradientVoidError):
            stage.claim(campaign, 1, account=capsule)
        for number, (account, scored) in enumerate(((miner, false), (capsule, stolen))):
            stage.as_(account).reclaim_voided_scoring_fees(campaign, [scored], account.address)
            stage.as_(account).compensate(campaign, [number], account.address)
        with pytest.raises(errors.NothingToCollectError):
            stage.as_(capsule).collect_bond(campaign, capsule.address)
        played.owed = Amount(BOUNTY - SCORING_FEE)
    assert played.profit.coin == 10**15 - BOND
    assert played.loss.coin == BOUNTY - SCORING_FEE - 10**15, "what was stolen from the Miner, nobody has"


@attack("a swapped certificate")
def test_a_swapped_certificate_does_not_reach_an_open_campaign(stage, capsule, miner, play):
    """What a Campaign was opened with stays: the Capsule's later ring is not the Campaign's."""
    with play("Capsule", [capsule], victims=[miner], outcome="the Campaign keeps its ring") as played:
        campaign = stage.opened(capsule_fee=0)
        offer = CurrencyOffer(COIN, CurrencyTerms(True, 0, 10**30))
        stage.as_(capsule).announce(blob("another ring"), CAPSULE_TERMS, [offer])
        assert stage.as_(None).certificates_of(capsule.address) == blob("another ring")
        assert stage.state(campaign).certificates == blob("certificates")
        stage.submit(campaign)
        stage.score(campaign, percent(80))
        stage.deliver(campaign)
        played.honest = Amount(SCORING_FEE)
        played.owed = Amount(1000 - SCORING_FEE)


@attack("scoring out of order")
def test_scoring_out_of_order(stage, capsule, miner, attacker, play):
    """A bribed Capsule cannot let a later Gradient earn what an earlier one does."""
    with play("Miner and Capsule", [attacker, capsule], victims=[miner], outcome="NotNextInOrder") as played:
        campaign = stage.opened(bounty=BOUNTY, capsule_fee=0)
        for account in (miner, attacker):
            stage.submit(campaign, account)
        first, second = (stage.state(campaign).gradients[number].record for number in (0, 1))
        good = replace(NO_RISE, accuracy=percent(80), model=blob("model"))
        with pytest.raises(errors.NotNextInOrderError):
            stage.as_(capsule).score_gradient(campaign, second, good, Next.none())
        with pytest.raises(errors.WrongGradientError):
            stage.as_(capsule).score_gradient(campaign, replace(second, number=0), good, second.as_next())
        with pytest.raises(errors.WrongNextError):
            stage.as_(capsule).score_gradient(campaign, first, NO_RISE, Next.none())
        stage.score(campaign, percent(80))
        stage.deliver(campaign)
        # The second is void, and its fee comes back.
        played.honest = Amount(SCORING_FEE)
        played.owed = Amount(BOUNTY - SCORING_FEE)


@attack("scoring twice")
def test_scoring_twice(stage, capsule, miner, attacker, play):
    """A Gradient that was scored is not scored again for a friend: neither as it is, nor under the next number."""
    with play("Miner and Capsule", [attacker, capsule], victims=[miner], outcome="NotNextInOrder") as played:
        campaign = stage.opened(bounty=BOUNTY, capsule_fee=0)
        stage.submit(campaign, attacker)
        stage.submit(campaign, miner)
        first, second = (stage.state(campaign).gradients[number].record for number in (0, 1))
        stage.score(campaign, percent(40))
        better = replace(NO_RISE, accuracy=percent(80), model=blob("model"))
        with pytest.raises(errors.NotNextInOrderError):
            stage.as_(capsule).score_gradient(campaign, first, better, second.as_next())
        with pytest.raises(errors.WrongGradientError):
            stage.as_(capsule).score_gradient(campaign, replace(first, number=1), better, Next.none())
        stage.score(campaign, percent(80))
        stage.deliver(campaign)
        # Its own half of the Bounty, and the fee of the other's score.
        played.honest = Amount(BOUNTY // 2 + SCORING_FEE)
        played.owed = Amount(BOUNTY // 2 - SCORING_FEE)


# ---------------------------------------------------------------------- reorganisations


@attack("a reorganisation that swaps two Gradients")
def test_a_reorganisation_that_swaps_two_gradients(stage, chain, capsule, miner, attacker, play):
    """A score prepared for one Gradient cannot land on another that took its number."""
    with play("Miner", [attacker], victims=[miner], outcome="WrongGradient") as played:
        campaign = stage.opened(bounty=BOUNTY)
        before = chain.snapshot()
        stage.submit(campaign, miner)
        prepared = stage.state(campaign).gradients[0].record
        chain.restore(before)
        stage.submit(campaign, attacker)
        stage.submit(campaign, miner)
        following = stage.state(campaign).gradients[1].record.as_next()
        good = replace(NO_RISE, accuracy=percent(80), model=blob("model"))
        with pytest.raises(errors.WrongGradientError):
            stage.as_(capsule).score_gradient(campaign, prepared, good, following)
        stage.score(campaign, 0)
        stage.score(campaign, percent(80))
        stage.deliver(campaign)
        played.owed = Amount(BOUNTY - SCORING_FEE)
    assert played.profit.coin == -SCORING_FEE


@attack("a reorganisation that swaps two Campaigns")
def test_a_reorganisation_that_swaps_two_campaigns(stage, chain, miner, scientist, play):
    """The id commits to the terms: what was meant for one Campaign finds it, or nothing."""
    with play("Data Scientist", [scientist], victims=[miner], outcome="UnknownCampaign: another id"):
        before, client = chain.snapshot(), stage.as_(scientist)
        generous, stingy = (stage.terms(bounty=bounty, capsule_fee=0) for bounty in (1000, 160))
        seen = client.create(1, generous).events[0].campaign
        chain.restore(before)
        stage.open(client.create(1, stingy).events[0].campaign)
        with pytest.raises(errors.UnknownCampaignError):
            stage.as_(miner).submit_gradient(seen, blob("b"), blob("c"), 0, fee=SCORING_FEE)
