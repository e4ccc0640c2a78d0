"""Payouts that are due to a Miner from a Campaign. Pure: read from the Campaign's state and a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from ape_mine.policy.participation import own_gradients
from sonar_core.protocol.gradient_map import GradientState
from sonar_core.protocol.ledger import CampaignState
from sonar_core.protocol.structs import GradientRecord, ScoredRecord, Status
from sonar_core.protocol.units import Currency, counted, format_money

#: Gradients per transaction; a block has room for many times as much.
MOST_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Expire:
    """Records that the Capsule missed a window, on which claims wait."""


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
    """Shares of a failed Capsule's bond, in smallest units of the Campaign's currency."""

    numbers: tuple[int, ...]
    amount: int


Payout = Expire | Claim | ReclaimFees | ReclaimVoidedFees | Compensate


def describe(payout: Payout, currency: Currency) -> tuple[str, str]:
    """Verb in the past tense and text for a payout of a Campaign with that currency."""
    match payout:
        case Expire():
            return "expired", "its Capsule missed a window"
        case Claim(gradients, amount):
            return "claimed", f"{format_money(amount, currency)} for {counted(len(gradients), 'Gradient')}"
        case ReclaimFees(records, amount):
            return "reclaimed", f"{format_money(amount)} of fees for {counted(len(records), 'unscored Gradient')}"
        case ReclaimVoidedFees(gradients, amount):
            return "reclaimed", f"{format_money(amount)} of fees for {counted(len(gradients), 'void Gradient')}"
        case Compensate(numbers, amount):
            return "compensated", f"{format_money(amount, currency)} for {counted(len(numbers), 'Gradient')}"


def due_payouts(campaign: CampaignState, miner: str, now: int) -> list[Payout]:
    """All payouts at time `now` (Unix seconds). Compensation becomes due after its Gradient's fee was reclaimed."""
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
    chosen = _first(state for state in own if not state.claimed and campaign.reward(state))
    scored = tuple(state.scored for state in chosen if state.scored)
    return Claim(scored, sum(campaign.reward(state) for state in chosen)) if scored else None


def _reclaims(campaign: CampaignState, own: list[GradientState]) -> tuple[ReclaimFees | ReclaimVoidedFees | None, ...]:
    fee = campaign.terms.scoring_fee
    if not fee and not campaign.compensation_share():
        return ()
    harmed = [state for state in own if state.record.number >= campaign.valid_below and not state.reclaimed]
    unscored = tuple(state.record for state in _first(state for state in harmed if state.scored is None))
    voided = tuple(state.scored for state in _first(state for state in harmed if state.scored) if state.scored)
    return (
        ReclaimFees(unscored, fee * len(unscored)) if unscored else None,
        ReclaimVoidedFees(voided, fee * len(voided)) if voided else None,
    )


def _compensate(campaign: CampaignState, own: list[GradientState]) -> Compensate | None:
    share = campaign.compensation_share()
    chosen = _first(state for state in own if share and state.reclaimed and not state.compensated)
    numbers = tuple(state.record.number for state in chosen)
    return Compensate(numbers, share * len(numbers)) if numbers else None


def _first(states: Iterable[GradientState]) -> list[GradientState]:
    return list(islice(states, MOST_AT_ONCE))
