"""The Mine's own past in a Campaign, and whether another Gradient is too early. Pure: read from the ledger."""

from __future__ import annotations

from ape_mine.policy.decision import History
from sonar_core.protocol.gradient_map import GradientState
from sonar_core.protocol.ledger import CampaignState


def own_gradients(campaign: CampaignState, miner: str) -> list[GradientState]:
    """The Gradients that an account submitted, oldest first."""
    return campaign.gradients.by_miner(miner)


def history(campaign: CampaignState, miner: str, *, approved: bool) -> History:
    """The account's past in the Campaign; `approved`: by hand."""
    own = own_gradients(campaign, miner)
    fruitless = 0
    for state in reversed([state for state in own if state.scored is not None]):
        if state.rise:
            break
        fruitless += 1
    return History(rounds=len(own), fruitless=fruitless, approved=approved)


def reason_to_wait(campaign: CampaignState, miner: str, version: int) -> str | None:
    """Reason why a Gradient of a Model version would be too early; None if it would not.

    A Mine submits one Gradient per Model, and no second one before the first is scored. A rebase makes a new version
    of the same weights: it is no reason for another Gradient.

    Args:
        campaign: with the newest blocks.
        miner: the account.
        version: the confirmed Model version to train.
    """
    own = own_gradients(campaign, miner)
    if not own:
        return None
    last = own[-1]
    if last.scored is None:
        return f"Gradient {last.record.number} is not scored yet"
    if not _improved_between(campaign, last.record.version, version):
        return f"the Model is still the one that Gradient {last.record.number} was computed from"
    return None


def _improved_between(campaign: CampaignState, older: int, newer: int) -> bool:
    return any(not model.rebased for model in campaign.models[older + 1 : newer + 1])
