"""Blobs that a Mine publishes: the sealed bundles of its own Gradients."""

from __future__ import annotations

from ape_mine.policy.participation import own_gradients
from sonar_core.service.blob_retention import Holding


def mine_holding(miner: str) -> Holding:
    """Blobs of the Campaigns that a Miner submitted to, by the Miner's address."""
    return Holding(
        lambda ledger: ledger.campaigns_of_miner(miner),
        lambda campaign, _: {gradient.record.bundle for gradient in own_gradients(campaign, miner)},
    )
