"""Expected reward and cost of the next Gradient. Pure, and an estimate: a score is known only once it is given.

Each scored Gradient closed some share of the gap to the target. The share of the next one is predicted as the mean of
the last eight shares and one prior of 1/2: the first Gradient of a Campaign is expected to earn half of what can be
earned, and each one without improvement lowers the estimate. Queued Gradients are assumed to take their share first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from statistics import fmean

from sonar_core.protocol.gradient_map import GradientState
from sonar_core.protocol.ledger import CampaignState

#: Gas of submitting one Gradient, and of claiming its reward alone, in an ERC-20: upper bounds, which a test compares
#: with the contracts.
SUBMISSION_GAS, CLAIM_GAS = 60_000, 55_000
#: Prior share, and the number of past shares that are averaged with it.
_PRIOR, _REMEMBERED = 0.5, 8


@dataclass(frozen=True, slots=True)
class Now:
    """Time and gas price of a decision.

    Attributes:
        chain_time: timestamp that a transaction would see, Unix seconds.
        clock: the machine's clock, with a time zone.
        gas_price: wei per unit of gas.
    """

    chain_time: int
    clock: datetime
    gas_price: int


@dataclass(frozen=True, slots=True)
class Opportunity:
    """A Gradient that could be begun now.

    Attributes:
        clock: time of the start, on the machine's clock.
        reward: expected reward, in smallest units of the Campaign's currency.
        cost: gas and scoring fee, in wei.
    """

    clock: datetime
    reward: int
    cost: int


def next_opportunity(newest: CampaignState, now: Now) -> Opportunity:
    """Expected reward and cost of the next Gradient for a Campaign, with the newest blocks."""
    gas = (SUBMISSION_GAS + CLAIM_GAS) * now.gas_price
    return Opportunity(now.clock, expected_reward(newest), gas + newest.terms.scoring_fee)


def expected_reward(campaign: CampaignState) -> int:
    """Expected reward of the next Gradient, in smallest units; 0 if the expected rise is below what counts."""
    target = campaign.terms.target_accuracy
    share = fmean([_PRIOR, *islice(_shares(campaign), _REMEMBERED)])
    unclaimed: float = (1 - share) ** (campaign.submitted - campaign.scored)
    left = (target - campaign.accuracy) * unclaimed
    if left * share < min(campaign.terms.min_improvement, left):
        return 0
    return int(campaign.remaining_reward() * unclaimed * share)


def _shares(campaign: CampaignState) -> Iterator[float]:
    """Shares of the remaining gap that scored Gradients closed, newest first."""
    for number in range(campaign.scored - 1, -1, -1):
        yield _share(campaign.gradients[number], campaign.terms.target_accuracy)


def _share(state: GradientState, target: int) -> float:
    assert state.scored is not None  # Gradients are scored in order
    before, after = state.scored.accuracy_before, min(state.scored.accuracy_after, target)
    return (after - before) / (target - before)
