"""What a Gradient may earn, and what it costs. Pure, and an estimate: nobody knows a score before it is given.

Of what was left up to the target, past Gradients each took a share. The next one is expected to take the mean of the
last shares, among which one imagined Gradient that took half stands for what is not known yet: the first of a
Campaign is expected to earn half of all that can be earned, and each that brought nothing makes the next worth less.
Gradients that wait for their scores take theirs first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from statistics import fmean

from sonar_core.protocol.gradient_map import GradientState
from sonar_core.protocol.ledger import CampaignState

#: Gas of submitting a Gradient and of claiming its reward alone, in a token: the dearer of the ways. A test holds both
#: against what the contracts use.
SUBMISSION_GAS, CLAIM_GAS = 60_000, 55_000
#: Share that the imagined Gradient took, and how many real ones count beside it.
_IMAGINED, _REMEMBERED = 0.5, 8


@dataclass(frozen=True, slots=True)
class Now:
    """When a decision is taken, and what chain and house are like then.

    Attributes:
        chain_time: what a transaction would see, in seconds.
        clock: the machine's clock; knows its zone.
        gas_price: wei a unit of gas.
    """

    chain_time: int
    clock: datetime
    gas_price: int


@dataclass(frozen=True, slots=True)
class Opportunity:
    """A Gradient that could be begun.

    Attributes:
        clock: when, on the machine's clock.
        reward: expected, in smallest units of the Campaign's currency.
        cost: of gas and scoring fee, in wei.
    """

    clock: datetime
    reward: int
    cost: int


def occasion(newest: CampaignState, moment: Now) -> Opportunity:
    """What the next Gradient for a Campaign, with the newest blocks, promises and costs."""
    gas = (SUBMISSION_GAS + CLAIM_GAS) * moment.gas_price
    return Opportunity(moment.clock, expected_reward(newest), gas + newest.terms.scoring_fee)


def expected_reward(campaign: CampaignState) -> int:
    """What one more Gradient may earn, in smallest units; 0 where the rise it may bring is too small to count."""
    target = campaign.terms.target_accuracy
    share = fmean([_IMAGINED, *islice(_shares(campaign), _REMEMBERED)])
    remains: float = (1 - share) ** (campaign.submitted - campaign.scored)
    left = (target - campaign.accuracy) * remains
    if left * share < min(campaign.terms.min_improvement, left):
        return 0
    return int(campaign.payable() * remains * share)


def _shares(campaign: CampaignState) -> Iterator[float]:
    """The shares that scored Gradients took of what was left, newest first."""
    for number in range(campaign.scored - 1, -1, -1):
        yield _share(campaign.gradients[number], campaign.terms.target_accuracy)


def _share(state: GradientState, target: int) -> float:
    assert state.scored is not None  # Gradients are scored in order
    before, after = state.scored.accuracy_before, min(state.scored.accuracy_after, target)
    return (after - before) / (target - before)
