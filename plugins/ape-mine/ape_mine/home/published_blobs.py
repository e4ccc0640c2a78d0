"""What a Mine has on its IPFS nodes: the sealed bundles of its own Gradients. All else it only reads."""

from __future__ import annotations

from ape_mine.policy.participation import own_gradients
from sonar_core.service.blob_retention import Holding


def mine_holding(miner: str) -> Holding:
    """Of the Campaigns that a Miner, by their address, submitted to."""
    return Holding(
        lambda ledger: ledger.campaigns_of_miner(miner),
        lambda campaign, _: {gradient.record.bundle for gradient in own_gradients(campaign, miner)},
    )
