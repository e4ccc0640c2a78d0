"""Attacks by silence, by floods, by order and by copying: none of them pays."""

from dataclasses import replace

import pytest

from ape_sonar import contract_errors as errors
from ape_sonar.events import GradientSubmitted
from ape_sonar.terms import CurrencyOffer, CurrencyTerms, Next, Rejection, Score, Status
from tests.stage import CAPSULE_TERMS, COIN, ETHER, SCORING_FEE, blob, percent

BOUNTY, BOND, FEE = 10 * ETHER, 4 * ETHER, ETHER
NO_RISE = Score(0, 4, bytes(32), blob("root"), blob("opened"), blob("evidence"))


def test_a_capsule_silent_before_opening(stage, capsule, scientist, profit):
    with profit(capsule) as gain, profit(scientist) as loss:
        campaign = stage.create(bounty=BOUNTY, capsule_fee=FEE)
        stage.wait("1 hour")
        stage.as_(scientist).refund(campaign, scientist.address)
    assert gain.coin <= 0
    assert loss.coin == 0


@pytest.mark.parametrize("moment", ["mining", "delivery"])
def test_a_capsule_silent_while_mining_or_before_delivery(stage, capsule, scientist, miner, profit, moment):
    """It loses its bond; the Data Scientist is made whole first, and the Miner keeps what was earned."""
    with profit(capsule) as gain, profit(scientist) as loss, profit(miner) as earned:
        campaign = stage.opened(bounty=BOUNTY, capsule_fee=FEE, capsule_bond=BOND)
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
    assert gain.coin == SCORING_FEE - BOND <= 0
    assert loss.coin >= 0
    assert earned.coin == BOUNTY // 5 - SCORING_FEE * (1 if moment == "delivery" else 2)


def test_a_flood_on_a_dying_capsule(stage, attacker, miner, profit):
    """Late Gradients take no more than the compensation each; an earlier Miner's due does not move."""
    campaign = stage.opened(bounty=BOUNTY, capsule_bond=1000, compensation=10)
    stage.submit(campaign, miner)
    due = stage.as_(None).due_of(campaign)
    with profit(attacker) as gain:
        for _ in range(8):
            stage.submit(campaign, attacker)
        assert stage.as_(None).due_of(campaign) == due
        stage.until(due)
        with pytest.raises(errors.WindowMissedError):
            stage.submit(campaign, attacker)
        stage.as_(attacker).expire(campaign)
        records = [stage.state(campaign).gradients[number].record for number in range(1, 9)]
        stage.as_(attacker).reclaim_fees(campaign, records, attacker.address)
        stage.as_(attacker).compensate(campaign, list(range(1, 9)), attacker.address)
    promised = 8 * 10
    assert gain.coin - promised <= 0
    share = stage.state(campaign).share()
    assert share == 10


def test_a_flood_by_the_dying_capsule_itself(stage, capsule, profit):
    """Its own Gradients bring back a part of its own bond at most."""
    with profit(capsule) as gain:
        campaign = stage.opened(capsule_bond=BOND, compensation=10**20)
        for _ in range(5):
            stage.submit(campaign, capsule)
        stage.until(stage.state(campaign).due)
        stage.as_(capsule).expire(campaign)
        records = [gradient.record for gradient in stage.state(campaign).gradients.values()]
        stage.as_(capsule).reclaim_fees(campaign, records, capsule.address)
        stage.as_(capsule).compensate(campaign, list(range(5)), capsule.address)
    assert gain.coin <= 0


@pytest.mark.parametrize(
    ("window", "refusal"),
    [
        ("scoring_window", errors.ScoringWindowBelowTermsError),
        ("per_gradient", errors.PerGradientBelowTermsError),
        ("delivery_window", errors.DeliveryWindowBelowTermsError),
    ],
)
def test_a_data_scientist_who_sets_impossible_windows(stage, capsule, scientist, profit, window, refusal):
    """A trap for the bond: no Campaign is made or opened with windows that the Capsule did not announce."""
    possible = replace(CAPSULE_TERMS, scoring_window=3600, per_gradient=60, delivery_window=7200)
    stage.announce(terms=possible)
    with profit(scientist) as gain, profit(capsule) as loss:
        with pytest.raises(refusal):
            stage.create(**{window: getattr(possible, window) - 1, "unavailability_window": 60})
        campaign = stage.create()
        stage.announce(terms=replace(possible, **{window: getattr(possible, window) + 1}))
        with pytest.raises(refusal):
            stage.open(campaign)
        stage.wait("1 hour")
        stage.as_(scientist).refund(campaign, scientist.address)
    assert gain.coin <= 0
    assert loss.coin == 0


def test_a_target_that_the_smallest_improvement_makes_unreachable(stage, scientist, miner, profit):
    """The last step always counts: a Data Scientist does not keep the Bounty by asking for more than is left."""
    with profit(scientist) as gain, profit(miner) as earned:
        campaign = stage.create(bounty=BOUNTY, capsule_fee=0, min_improvement=percent(80))
        stage.open(campaign, accuracy=percent(40))
        stage.submit(campaign)
        stage.score(campaign, percent(80))
        stage.deliver(campaign)
        stage.claim(campaign, 0)
        stage.as_(scientist).refund(campaign, scientist.address)
    assert earned.coin == BOUNTY // 2 - SCORING_FEE
    assert gain.coin + earned.coin + SCORING_FEE <= 0


def test_a_data_scientist_who_stops_when_a_good_gradient_arrives(stage, scientist, miner, profit):
    campaign = stage.create(bounty=BOUNTY, notice_period="10 minutes")
    stage.open(campaign)
    with profit(miner) as earned:
        stage.submit(campaign, miner)
        stage.as_(scientist).stop(campaign)
        stage.wait("10 minutes")
        stage.score(campaign, percent(80))
        stage.deliver(campaign)
        stage.claim(campaign, 0)
    assert earned.coin == BOUNTY - SCORING_FEE
    assert stage.state(campaign).refundable() == 0


def test_a_false_starting_accuracy_binds_nobody(stage, capsule):
    """What the Capsule measures counts, whatever was claimed."""
    campaign = stage.create(starting_accuracy=percent(70))
    stage.open(campaign, accuracy=percent(10))
    assert stage.state(campaign).starting_accuracy == percent(10)
    refused = stage.create(starting_accuracy=percent(70))
    stage.as_(capsule).decline(refused, "the claimed accuracy does not hold")
    assert stage.status(refused) is Status.DECLINED


def test_front_running_a_gradient_changes_its_place_and_not_its_miner(stage, attacker, miner, profit):
    """Bundle and commitment copied from the pool: the copy is the attacker's, sealed to nobody it can answer for."""
    campaign = stage.opened(bounty=BOUNTY)
    with profit(attacker) as gain:
        stage.submit(campaign, attacker, bundle="good")
        stage.submit(campaign, miner, bundle="good")
        stage.reject(campaign, Rejection.MALFORMED)  # the commitment inside names the Miner, not the attacker
        stage.score(campaign, percent(80))
        stage.deliver(campaign)
        with pytest.raises(errors.NothingEarnedError):
            stage.claim(campaign, 0, account=attacker)
        copied = stage.state(campaign).gradients[1].scored
        with pytest.raises(errors.WrongGradientError):
            stage.as_(attacker).claim(campaign, [copied], attacker.address)
    assert gain.coin <= 0
    assert stage.claim(campaign, 1).events[0].reward == BOUNTY


def test_a_capsule_rejects_and_submits_as_its_own(stage, capsule, miner, profit):
    """The chain keeps who came first, with the opened bundle's address: an arbiter takes loot and bond back."""
    arbiter = miner
    with profit(capsule) as gain:
        campaign = stage.opened(bounty=BOUNTY, capsule_bond=BOND, arbiter=str(arbiter.address), audit_window="1 day")
        stage.submit(campaign, miner, bundle="good")
        stage.reject(campaign)
        stage.submit(campaign, capsule, bundle="stolen")
        stage.score(campaign, percent(80))
        stage.deliver(campaign)
        false = stage.state(campaign).gradients[0].scored
        stage.as_(arbiter).convict(campaign, miner.address, false)
        with pytest.raises(errors.GradientVoidError):
            stage.claim(campaign, 1, account=capsule)
        stolen = stage.state(campaign).gradients[1].scored
        stage.as_(capsule).reclaim_voided_fees(campaign, [stolen], capsule.address)
        with pytest.raises(errors.NothingToCollectError):
            stage.as_(capsule).collect_bond(campaign, capsule.address)
    assert gain.coin <= 0


def test_scoring_out_of_order_or_twice(stage, capsule, miner, attacker):
    campaign = stage.opened()
    for account in (miner, attacker):
        stage.submit(campaign, account)
    first, second = (stage.state(campaign).gradients[number].record for number in (0, 1))
    client = stage.as_(capsule)
    with pytest.raises(errors.NotNextInOrderError):
        client.score_gradient(campaign, second, NO_RISE, Next.none())
    with pytest.raises(errors.WrongGradientError):
        client.score_gradient(campaign, replace(second, number=0), NO_RISE, second.as_next())
    client.score_gradient(campaign, first, NO_RISE, second.as_next())
    with pytest.raises(errors.NotNextInOrderError):
        client.score_gradient(campaign, first, NO_RISE, Next.none())


def test_a_reorganisation_that_swaps_two_gradients(stage, chain, capsule, miner, attacker):
    """A score prepared for one Gradient cannot land on another that took its number."""
    campaign = stage.opened()
    before = chain.snapshot()
    stage.submit(campaign, miner)
    prepared = stage.state(campaign).gradients[0].record
    chain.restore(before)
    stage.submit(campaign, attacker)
    stage.submit(campaign, miner)
    following = stage.state(campaign).gradients[1].record.as_next()
    with pytest.raises(errors.WrongGradientError):
        stage.as_(capsule).score_gradient(campaign, prepared, NO_RISE, following)


def test_a_reorganisation_that_swaps_two_campaigns(stage, chain, miner):
    """The id commits to the terms: what was meant for one Campaign finds it, or nothing."""
    before = chain.snapshot()
    generous = stage.opened(bounty=1000)
    chain.restore(before)
    stingy = stage.opened(bounty=160)
    assert generous != stingy
    with pytest.raises(errors.UnknownCampaignError):
        stage.as_(miner).submit_gradient(generous, blob("b"), blob("c"), 0, fee=SCORING_FEE)


def test_garbage_gradients_pay_for_themselves(stage, attacker, capsule, profit):
    """Spam, and a bundle that never appears, cost the spammer every fee."""
    campaign = stage.opened()
    with profit(attacker) as gain:
        for _ in range(3):
            stage.submit(campaign, attacker)
        stage.reject(campaign)
        stage.reject(campaign)
        stage.wait("30 minutes")
        stage.reject(campaign, Rejection.UNAVAILABLE)
        stage.delivered(campaign)
        for number in range(3):
            with pytest.raises(errors.NothingEarnedError):
                stage.claim(campaign, number, account=attacker)
    assert gain.coin == -3 * SCORING_FEE
    fees = stage.as_(capsule).collect_scoring_fees(campaign, capsule.address).events[0]
    assert fees.amount == 3 * SCORING_FEE


def test_many_small_probes_earn_nothing(stage, attacker, profit):
    """Rises below the smallest that counts do not add up, and each costs a fee."""
    campaign = stage.opened(min_improvement=percent(1))
    with profit(attacker) as gain:
        for tenths in range(1, 6):
            stage.submit(campaign, attacker)
            stage.score(campaign, percent(tenths / 10))
    assert stage.state(campaign).accuracy == 0
    assert gain.coin == -5 * SCORING_FEE


def test_a_parent_is_no_strangers_to_take(stage, attacker):
    parent = stage.opened()
    stage.delivered(parent)
    with pytest.raises(errors.ParentUnusableError) as refused:
        stage.create(account=attacker, parent=parent)
    assert refused.value.evidence["scientist"] == stage.scientist.address


def test_a_swapped_certificate_does_not_reach_an_open_campaign(stage, capsule):
    """What a Campaign was opened with stays: the Capsule's later ring is not the Campaign's."""
    campaign = stage.opened()
    offer = CurrencyOffer(COIN, CurrencyTerms(True, 0, 10**30))
    stage.as_(capsule).announce(blob("another ring"), CAPSULE_TERMS, [offer])
    assert stage.as_(None).certificates_of(capsule.address) == blob("another ring")
    assert stage.state(campaign).certificates == blob("certificates")


def test_one_commitment_in_two_campaigns_is_two_gradients(stage, miner):
    """The digest belongs to its Campaign: scored in one, it is not in the other."""
    first, second = stage.opened(), stage.opened()
    for campaign in (first, second):
        receipt = stage.as_(miner).submit_gradient(campaign, blob("b"), blob("c"), 0, fee=SCORING_FEE)
        assert isinstance(receipt.events[0], GradientSubmitted)
    scored = stage.score(first, percent(80))
    stage.deliver(first)
    stage.expired(second)
    with pytest.raises(errors.GradientVoidError):
        stage.as_(miner).claim(second, [scored], miner.address)
