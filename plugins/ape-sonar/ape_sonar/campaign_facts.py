"""A Campaign and its Gradients as JSON, from the ledger: money in units, times in ISO 8601. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sonar_core.protocol.content_address import to_cid
from sonar_core.protocol.gradient_map import GradientState
from sonar_core.protocol.ledger import CampaignState
from sonar_core.protocol.structs import EMPTY_BYTES32, Status
from sonar_core.protocol.units import COIN, ZERO_ADDRESS, Currency, Money, from_wad

#: Statuses in which Miners can still earn.
LIVE = (Status.REQUESTED, Status.OPEN, Status.CLOSING)


def verdict(gradient: GradientState) -> str:
    """State of a Gradient: "waiting", "improved", "no improvement", "malformed", "unavailable"."""
    if gradient.scored is None:
        return "waiting"
    if gradient.rejection is not None:
        return gradient.rejection.name.lower()
    return "improved" if gradient.rise else "no improvement"


def campaign_facts(state: CampaignState, now: int, currency: Currency) -> dict[str, Any]:
    """A Campaign as JSON: money for people and in smallest units, times in ISO 8601, accuracies as decimals.

    Args:
        state: from the ledger.
        now: Unix seconds, for the status.
        currency: of the Bounty.
    """
    terms, status = state.terms, state.status(now)
    payable = state.remaining_reward() if status in LIVE else 0
    return {
        "campaign": "0x" + state.id.hex(),
        "status": str(status),
        "scientist": state.scientist,
        "capsule": terms.capsule,
        "arbiter": None if terms.arbiter == ZERO_ADDRESS else terms.arbiter,
        "spec": to_cid(terms.spec),
        "parent": None if terms.parent == EMPTY_BYTES32 else "0x" + terms.parent.hex(),
        "bounty": _money(terms.bounty, currency),
        "payable": _money(payable, currency),
        "spent": _money(state.rewards_earned() if state.start else 0, currency),
        "refundable": _money(state.refundable(), currency),
        "capsule_fee": _money(terms.capsule_fee, currency),
        "capsule_bond": _money(terms.capsule_bond, currency),
        "scoring_fee": _money(terms.scoring_fee, COIN),
        "starting_accuracy": str(from_wad(state.starting_accuracy)),
        "accuracy": str(from_wad(state.accuracy if state.start else state.starting_accuracy)),
        "target_accuracy": str(from_wad(terms.target_accuracy)),
        "version": state.models[-1].version if state.models else None,
        "submitted": state.submitted,
        "scored": state.scored,
        "ends_at": _time(state.ends_at),
        "due": _time(state.due_at()),
        "claims_open_at": _time(state.claims_open_at()),
        "declined_because": state.reason or None,
        "delivery": to_cid(state.delivery) if state.delivery else None,
    }


def gradient_facts(state: CampaignState, number: int, currency: Currency) -> dict[str, Any]:
    """One Gradient of a Campaign as JSON, in the units of `campaign_facts`."""
    gradient = state.gradients[number]
    scored = gradient.scored
    return {
        "number": number,
        "miner": gradient.record.miner,
        "version": gradient.record.version,
        "submitted_at": _time(gradient.record.submitted_at),
        "verdict": verdict(gradient),
        "before": str(from_wad(scored.accuracy_before)) if scored else None,
        "after": str(from_wad(scored.accuracy_after)) if scored else None,
        "reward": _money(state.reward(gradient), currency),
        "claimed": gradient.claimed,
    }


def _money(units: int, currency: Currency) -> dict[str, str]:
    return {"amount": str(Money(units, currency)), "units": str(units), "currency": currency.address}


def _time(seconds: int) -> str | None:
    return datetime.fromtimestamp(seconds, UTC).isoformat() if seconds else None
