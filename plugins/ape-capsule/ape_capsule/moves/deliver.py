"""`deliver`: the openings of the last Model, sealed to the Data Scientist and signed."""

from __future__ import annotations

from ape_capsule.home.prepared_moves import PreparedDelivery
from ape_capsule.moves.campaign_inputs import CampaignInputs
from ape_capsule.moves.context import CapsuleContext
from sonar_core.protocol.commitments import openings_root
from sonar_core.protocol.delivery import Delivery
from sonar_core.protocol.ledger import CampaignState, Ledger
from sonar_core.protocol.units import from_wad
from sonar_core.service.action import Action
from syft import wire


def deliver(context: CapsuleContext, campaign: CampaignState, ledger: Ledger) -> list[Action]:
    """Hands over the openings of the last Model.

    Raises:
        SonarError, OSError: nothing was delivered; the next turn tries again.
    """
    prepared = context.journal.prepared(campaign.id, campaign.model.root, PreparedDelivery)
    if prepared is None:
        prepared = _prepare(context, campaign, context.inputs(campaign, ledger))
        context.journal.prepare(campaign.id, campaign.model.root, prepared)
    context.chain.deliver(campaign.id, prepared.delivery, prepared.openings_root)
    return [Action("delivered", campaign.id, f"the Model, at an accuracy of {from_wad(campaign.accuracy):.4f}")]


def _prepare(context: CapsuleContext, campaign: CampaignState, inputs: CampaignInputs) -> PreparedDelivery:
    keys, openings = context.keystore.get(campaign.id), context.model_openings(campaign)
    delivery = Delivery(
        campaign=campaign.id,
        version=campaign.model.version,
        model=campaign.model.address,
        accuracy=campaign.accuracy,
        openings=wire.dumps_openings(openings, keys),
    )
    sealed = context.identity.seal_to(delivery.to_bytes(), inputs.scientist, signer=context.signer(campaign))
    return PreparedDelivery(context.store.put(sealed), openings_root(keys, openings))
