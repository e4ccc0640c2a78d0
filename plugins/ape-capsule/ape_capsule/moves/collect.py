"""`collectBond` and `collectScoringFees`: what a settled Campaign owes its Capsule."""

from __future__ import annotations

from collections.abc import Callable

from ape_capsule.moves.context import CapsuleContext
from sonar_core.chain.contract_errors import NothingToCollectError
from sonar_core.protocol.ledger import CampaignState
from sonar_core.protocol.structs import Status
from sonar_core.protocol.units import ZERO_ADDRESS
from sonar_core.service.action import Action


def collect(context: CapsuleContext, campaign: CampaignState) -> list[Action]:
    """Takes bond, Capsule's fee and scoring fees of a Campaign whose claims are open.

    Raises:
        SonarError: not all was taken; the next turn takes the rest.
    """
    terms, chain = campaign.terms, context.chain
    bond, fees = terms.capsule_fee + terms.capsule_bond, terms.scoring_fee * campaign.valid_below
    actions = []
    if campaign.recorded is Status.DELIVERED and bond and not campaign.bond_collected:
        message = f"bond and fee: {context.money(bond, terms.currency)}"
        actions += _take(chain.collect_bond, campaign.id, chain.sender, message)
    if fees and not campaign.scoring_fees_collected:
        message = f"scoring fees: {context.money(fees, ZERO_ADDRESS)}"
        actions += _take(chain.collect_scoring_fees, campaign.id, chain.sender, message)
    return actions


def _take(send: Callable[[bytes, str], object], campaign: bytes, to: str, message: str) -> list[Action]:
    try:
        send(campaign, to)
    except NothingToCollectError:
        return []
    return [Action("collected", campaign, message)]
