"""What a Capsule has on its IPFS nodes: what it pinned of the Data Scientist's, and what it published itself."""

from __future__ import annotations

from ape_capsule.home.state import CapsuleJournal
from sonar_core.protocol.campaign_spec import CampaignSpec
from sonar_core.protocol.ledger import CampaignState
from sonar_core.service.blob_retention import Holding
from sonar_core.store.artifacts import public_blobs


def capsule_holding(state: CapsuleJournal, capsule: str) -> Holding:
    """Of the Campaigns that name a Capsule, by its address: all but the Miners' bundles, which it only reads."""

    def blobs(campaign: CampaignState, spec: CampaignSpec | None) -> set[bytes]:
        found = {campaign.terms.spec, campaign.terms.validation, *(public_blobs(spec) if spec else ())}
        return found | state.published(campaign.id)

    return Holding(lambda ledger: ledger.campaigns_of_capsule(capsule), blobs)
