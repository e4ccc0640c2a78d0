"""Blobs that a Capsule keeps on its IPFS nodes: those that it pinned for a Campaign, and those that it published."""

from __future__ import annotations

from ape_capsule.home.state import CapsuleJournal
from sonar_core.protocol.campaign_spec import CampaignSpec
from sonar_core.protocol.ledger import CampaignState
from sonar_core.service.blob_retention import Holding
from sonar_core.store.artifacts import public_blobs


def capsule_holding(journal: CapsuleJournal, capsule: str) -> Holding:
    """The blobs of the Campaigns that name a Capsule (an address), without the Miners' bundles, which it only reads."""

    def blobs(campaign: CampaignState, spec: CampaignSpec | None) -> set[bytes]:
        found = {campaign.terms.spec, campaign.terms.validation, *(public_blobs(spec) if spec else ())}
        return found | journal.published(campaign.id)

    return Holding(lambda ledger: ledger.campaigns_of_capsule(capsule), blobs)
