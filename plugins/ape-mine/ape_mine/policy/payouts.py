"""What a Miner may take out of a Campaign now. Pure: read off the Campaign's state and the clock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from ape_mine.policy.participation import own_gradients
from sonar_core.protocol.gradient_map import GradientState
from sonar_core.protocol.ledger import CampaignState
from sonar_core.protocol.structs import GradientRecord, ScoredRecord, Status

#: Gradients of one transaction: what a block has room for many times over.
MOST_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Expire:
    """The Capsule missed a window, and nobody has recorded it: claims wait for that."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Rewards, in smallest units of the Campaign's currency."""

    gradients: tuple[ScoredRecord, ...]
    amount: int


@dataclass(frozen=True, slots=True)
class ReclaimFees:
    """Scoring fees of Gradients that were never scored, in wei."""

    gradients: tuple[GradientRecord, ...]
    amount: int


@dataclass(frozen=True, slots=True)
class ReclaimVoidedFees:
    """Scoring fees of Gradients whose scores a conviction made void, in wei."""

    gradients: tuple[ScoredRecord, ...]
    amount: int


@dataclass(frozen=True, slots=True)
class Compensate:
    """Parts of a failed Capsule's bond, in smallest units of the Campaign's currency."""

    numbers: tuple[int, ...]
    amount: int


Payout = Expire | Claim | ReclaimFees | ReclaimVoidedFees | Compensate


def due_payouts(campaign: CampaignState, miner: str, now: int) -> list[Payout]:
    """All that the Miner can take at time `now`; compensation follows once the fees are reclaimed."""
    own = own_gradients(campaign, miner)
    if not own:
        return []
    if campaign.recorded is Status.OPEN and campaign.status(now) is Status.EXPIRED:
        return [Expire()]
    if not campaign.claims_open(now):
        return []
    payouts = (_claim(campaign, own), *_reclaims(campaign, own), _compensate(campaign, own))
    return [payout for payout in payouts if payout is not None]


def _claim(campaign: CampaignState, own: list[GradientState]) -> Claim | None:
    chosen = _some(state for state in own if not state.claimed and campaign.reward(state))
    scored = tuple(state.scored for state in chosen if state.scored)
    return Claim(scored, sum(campaign.reward(state) for state in chosen)) if scored else None


def _reclaims(campaign: CampaignState, own: list[GradientState]) -> tuple[ReclaimFees | ReclaimVoidedFees | None, ...]:
    fee = campaign.terms.scoring_fee
    if not fee and not campaign.share():
        return ()
    harmed = [state for state in own if state.record.number >= campaign.valid_below and not state.reclaimed]
    unscored = tuple(state.record for state in _some(state for state in harmed if state.scored is None))
    voided = tuple(state.scored for state in _some(state for state in harmed if state.scored) if state.scored)
    return (
        ReclaimFees(unscored, fee * len(unscored)) if unscored else None,
        ReclaimVoidedFees(voided, fee * len(voided)) if voided else None,
    )


def _compensate(campaign: CampaignState, own: list[GradientState]) -> Compensate | None:
    share = campaign.share()
    chosen = _some(state for state in own if share and state.reclaimed and not state.compensated)
    numbers = tuple(state.record.number for state in chosen)
    return Compensate(numbers, share * len(numbers)) if numbers else None


def _some(states: Iterable[GradientState]) -> list[GradientState]:
    return list(islice(states, MOST_AT_ONCE))
