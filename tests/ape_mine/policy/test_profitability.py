"""What a Gradient is expected to earn, and that the gas it is reckoned with is what the contracts use."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ape_mine.policy.profitability import CLAIM_GAS, SUBMISSION_GAS, Now, expected_reward, next_opportunity
from sonar_core.protocol.ledger import CampaignState
from sonar_core.protocol.structs import ScoredRecord
from tests.world.mine import FEE, RIVAL, World

TARGET = 8 * 10**17
SNAPSHOT = Path(__file__).parents[2] / "snapshots" / "gas.json"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def played(world: World, *accuracies: int, waiting: int = 0, **terms: int) -> CampaignState:
    """A Campaign of 1,000 up to 80 %, whose Gradients led to these accuracies, with some more that wait."""
    campaign = world.open_campaign(**terms)
    for accuracy in accuracies:
        world.rival.submit_gradient(campaign, b"r" * 32, b"c" * 32, 0, fee=FEE)
        world.score(campaign, accuracy)
    for _ in range(waiting):
        world.rival.submit_gradient(campaign, b"w" * 32, b"c" * 32, 0, fee=FEE)
    return world.state(campaign)


def test_the_first_gradient_is_expected_to_earn_half(world: World) -> None:
    assert expected_reward(played(world)) == 500
    assert expected_reward(played(world, accuracy=TARGET // 2)) == 250, "what the start is worth is not paid"


def test_later_ones_take_the_mean_share_of_what_is_left(world: World) -> None:
    """After one that took three quarters, shares of 1/2 and 3/4: 5/8 of the 250 that are left."""
    assert expected_reward(played(world, TARGET * 3 // 4)) == 156
    fruitless = played(world, TARGET * 3 // 4, 0, 0)
    assert expected_reward(fruitless) == 78, "(1/2 + 3/4 + 0 + 0) / 4 of 250"


def test_those_that_wait_take_theirs_first(world: World) -> None:
    assert [expected_reward(played(world, waiting=count)) for count in (0, 1, 2)] == [500, 250, 125]


def test_only_the_last_eight_count(world: World) -> None:
    """One that took everything but a little, long ago, says nothing of today."""
    state = played(world, TARGET - 8 * 10**15, *[0] * 8)
    assert expected_reward(state) == 0, "1/18 of one percent of 1,000 is below one unit"
    assert expected_reward(played(world, TARGET - 8 * 10**16, *[0] * 7)) == 15, "(1/2 + 9/10) / 9 of 100"
    assert expected_reward(played(world, TARGET - 8 * 10**16, *[0] * 8)) == 5, "(1/2) / 9 of 100"


def test_a_rise_that_does_not_count_earns_nothing(world: World) -> None:
    assert expected_reward(played(world, min_improvement=TARGET // 2)) == 500
    assert expected_reward(played(world, min_improvement=TARGET // 2 + 1)) == 0
    state = played(world, TARGET - 10, 0, min_improvement=TARGET // 10, bounty=10**18)
    assert expected_reward(state) == 0


@given(shares=st.lists(st.integers(0, 100), max_size=12), waiting=st.integers(0, 3000), bounty=st.integers(1, 2**128))
def test_it_is_never_below_zero_nor_above_what_is_left(shares: list[int], waiting: int, bounty: int) -> None:
    state = _with_history(shares, waiting, bounty)
    reward = expected_reward(state)
    assert 0 <= reward <= state.remaining_reward()
    assert expected_reward(_with_history(shares, waiting + 1, bounty)) <= reward


def _with_history(shares: list[int], waiting: int, bounty: int) -> CampaignState:
    terms = SimpleNamespace(bounty=bounty, target_accuracy=TARGET, min_improvement=1)
    accuracy, gradients = 0, {}
    for number, share in enumerate(shares):
        after = min(accuracy + (TARGET - accuracy) * share // 100, TARGET - 1)
        gradients[number] = SimpleNamespace(scored=ScoredRecord(number, accuracy, after, bytes(32)))
        accuracy = after
    plain = CampaignState(bytes(32), RIVAL, 0, terms, 0, 4, 0, 0, 0, 0)  # type: ignore[arg-type]
    scored = len(shares)
    return replace(plain, accuracy=accuracy, gradients=gradients, scored=scored, submitted=scored + waiting)  # type: ignore[arg-type]


def test_the_cost_is_gas_and_scoring_fee(world: World) -> None:
    chance = next_opportunity(played(world), Now(0, datetime.now(UTC), gas_price=3))
    assert chance.cost == 3 * (SUBMISSION_GAS + CLAIM_GAS) + FEE
    assert chance.reward == 500


def test_gas_is_what_the_contracts_use() -> None:
    used = json.loads(SNAPSHOT.read_text())
    submitting = max(gas for what, gas in used.items() if what.startswith("submitGradient"))
    claiming = used["claim in a token, one Gradient"]
    assert submitting <= SUBMISSION_GAS <= submitting * 1.1
    assert claiming <= CLAIM_GAS <= claiming * 1.1
