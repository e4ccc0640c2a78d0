"""Rewards are differences of one rounded line: on chain against exact fractions."""

from fractions import Fraction
from math import floor

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.world.contracts import WAD, percent, undone


def on_chain(examples):
    """Each example leaves the chain as it was, or looks at a Campaign of its own: a fixture may be shared."""
    shared = [HealthCheck.function_scoped_fixture]
    return settings(max_examples=examples, deadline=None, derandomize=True, suppress_health_check=shared)


accuracies = st.integers(0, WAD)


@pytest.fixture
def rich(stage, token, deployer):
    """Stage whose Data Scientist has more tokens than any Bounty may have."""
    token.mint(stage.scientist, 2**140, sender=deployer)
    stage.announce(currencies=(token.address,))
    return stage


def exactly(bounty, accuracy, target):
    """The formula of the protocol, in exact numbers, rounded once at the end."""
    return floor(bounty * min(Fraction(accuracy, target), Fraction(1)))


@on_chain(15)
@given(
    bounty=st.integers(1, 2**128 - 1), target=st.integers(1, WAD), points=st.lists(accuracies, min_size=1, max_size=6)
)
def test_earned_is_the_formula_floored_and_clamped(rich, token, bounty, target, points):
    campaign = rich.create(
        currency=str(token.address), bounty=bounty, target_accuracy=target, min_improvement=target, capsule_fee=0
    )
    look = rich.as_(None)
    for accuracy in [*points, 0, target - 1, target, WAD]:
        assert look.earned(campaign, accuracy) == exactly(bounty, accuracy, target)


@on_chain(6)
@given(
    bounty=st.integers(10**3, 10**12),
    target=st.integers(percent(1), WAD),
    rises=st.lists(st.integers(1, percent(40)), min_size=1, max_size=4),
    start=st.integers(0, percent(1) - 1),
)
def test_rewards_telescope(rich, bounty, target, rises, start):
    """However a rise is split, all rewards together are what the whole earns, and never more than the Bounty."""
    with undone(rich.chain):
        smallest = -(-target // bounty)
        campaign = rich.opened(accuracy=start, bounty=bounty, target_accuracy=target, min_improvement=smallest)
        accuracy = start
        for rise in rises:
            if rich.state(campaign).target_met:
                break
            accuracy = min(accuracy + rise, WAD)
            rich.submit(campaign)
            rich.score(campaign, accuracy)
        rich.delivered(campaign)
        state = rich.state(campaign)
        earning = [number for number, gradient in state.gradients.items() if state.reward(gradient)]
        paid = sum(event.reward for event in rich.claim(campaign, *earning).events) if earning else 0
        assert paid == exactly(bounty, state.accuracy, target) - exactly(bounty, start, target) <= bounty
        refund = rich.as_(rich.scientist).refund(campaign, rich.scientist.address) if paid < bounty else None
        assert paid + (refund.events[0].amount if refund else 0) == bounty


@on_chain(3)
@given(
    bond=st.integers(0, 2 * 10**9),
    compensation=st.integers(0, 10**9),
    rise=st.integers(percent(1), percent(79)),
    harmed=st.integers(0, 3),
)
@example(bond=10**9, compensation=10**9, rise=percent(31), harmed=3)
@example(bond=10**8, compensation=10**9, rise=percent(31), harmed=2)
def test_the_bond_of_a_capsule_that_failed_is_divided_exactly(rich, bond, compensation, rise, harmed):
    """First the Data Scientist is made whole, then each Gradient left unscored its share; nothing is left over."""
    with undone(rich.chain):
        bounty, fee, target = 10**9, 7, percent(80)
        campaign = rich.opened(bounty=bounty, capsule_fee=fee, capsule_bond=bond, compensation=compensation)
        for _ in range(1 + harmed):
            rich.submit(campaign)
        rich.score(campaign, rise)
        rich.expired(campaign)

        spent = exactly(bounty, rise, target)
        rest = Fraction(max(bond - spent, 0))
        share = floor(min(Fraction(compensation), rest / harmed)) if harmed else 0
        miner, scientist = rich.as_(rich.miner), rich.as_(rich.scientist)
        paid = rich.claim(campaign, 0).events[0].reward
        assert paid == spent
        numbers = list(range(1, 1 + harmed))
        if numbers:
            records = [rich.state(campaign).gradients[number].record for number in numbers]
            miner.reclaim_scoring_fees(campaign, records, miner.sender)
        if share:
            amounts = [event.amount for event in miner.compensate(campaign, numbers, miner.sender).events]
            assert amounts == [share] * harmed
            paid += sum(amounts)
        refund = scientist.refund(campaign, scientist.sender).events[0].amount
        assert refund == bounty - spent + fee + bond - share * harmed
        assert refund >= bounty - spent + fee + min(bond, spent)
        assert paid + refund == bounty + fee + bond
