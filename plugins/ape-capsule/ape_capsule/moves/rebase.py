"""What the Capsule does with a head: gives it room for more Gradients, and delivers the last one."""

from __future__ import annotations

from ape_capsule.errors import HeadDiffersError, LogsMissingError
from ape_capsule.home.score_evidence import ScoreEvidence
from ape_capsule.home.state import Prepared
from ape_capsule.moves.campaign_inputs import CampaignInputs
from ape_capsule.moves.context import CapsuleContext
from ape_capsule.scoring.score import measure, needs_rebase, rebase
from sonar_core.protocol.commitments import openings_root, tensor_root
from sonar_core.protocol.delivery import Delivery
from sonar_core.protocol.ledger import CampaignState, Ledger
from sonar_core.protocol.units import from_wad
from sonar_core.service.action import Action
from syft import wire
from syft.paillier import Openings, unpack


def is_full(desk: CapsuleContext, campaign: CampaignState, ledger: Ledger) -> bool:
    """Whether the head's slots have no room for another Gradient."""
    material = desk.material(campaign, ledger)
    return needs_rebase(material.model, desk.weights(campaign).exponent, desk.packing(campaign, material))


def make_room(desk: CapsuleContext, campaign: CampaignState, ledger: Ledger) -> list[Action]:
    """Publishes the head at a smaller scale.

    Raises:
        PredictionsMovedError: no smaller scale keeps what it predicts.
        LogsMissingError: the contract has a newer head than the node told of, which may be this one's.
        SonarError, OSError: nothing was published on chain, and the next step tries again.
    """
    told, counted = campaign.model.version, desk.chain.campaign_of(campaign.id).version
    if counted != told:
        raise LogsMissingError(campaign.id, told, counted)
    prepared = desk.state.prepared(campaign.id, "rebase", campaign.model.root)
    if prepared is None:
        prepared = _prepare_rebase(desk, campaign, desk.material(campaign, ledger))
    arguments = [prepared.digest(name) for name in ("model", "model_root", "evidence")]
    desk.chain.rebase(campaign.id, *arguments)
    return [Action("rebased", campaign.id, f"version {campaign.model.version + 1} has room for more Gradients")]


def deliver(desk: CapsuleContext, campaign: CampaignState, ledger: Ledger) -> list[Action]:
    """Hands the openings of the last head over, sealed to the Data Scientist and signed.

    Raises:
        SonarError, OSError: nothing was delivered, and the next step tries again.
    """
    prepared = desk.state.prepared(campaign.id, "deliver", campaign.model.root)
    if prepared is None:
        prepared = _prepare_delivery(desk, campaign, desk.material(campaign, ledger))
    desk.chain.deliver(campaign.id, prepared.digest("delivery"), prepared.digest("openings_root"))
    return [Action("delivered", campaign.id, f"at an accuracy of {from_wad(campaign.accuracy):.4f}")]


def _prepare_rebase(desk: CapsuleContext, campaign: CampaignState, material: CampaignInputs) -> Prepared:
    packing = desk.packing(campaign, material)
    smaller = rebase(material.model, desk.weights(campaign), packing, material.validation)
    predictions = measure(material.model, smaller, material.validation).predictions
    evidence = ScoreEvidence(_openings(desk, campaign), predictions)
    evidence_root = desk.keep_evidence(campaign, f"rebase-{campaign.model.version}", evidence, material)
    encrypted = desk.context(campaign).encrypt(smaller, packing)
    root = tensor_root(encrypted)
    desk.heads.keep(campaign.id, root, smaller)
    return desk.state.prepare(
        campaign.id,
        "rebase",
        campaign.model.root,
        model=desk.store.put(wire.dumps_tensor(encrypted)),
        model_root=root,
        evidence=evidence_root,
    )


def _prepare_delivery(desk: CapsuleContext, campaign: CampaignState, material: CampaignInputs) -> Prepared:
    context, openings = desk.context(campaign), _openings(desk, campaign)
    delivery = Delivery(
        campaign=campaign.id,
        version=campaign.model.version,
        model=campaign.model.address,
        accuracy=campaign.accuracy,
        openings=wire.dumps_openings(openings, context),
    )
    sealed = desk.identity.seal_to(delivery.to_bytes(), material.scientist, signer=desk.signer(campaign))
    return desk.state.prepare(
        campaign.id,
        "deliver",
        campaign.model.root,
        delivery=desk.store.put(sealed),
        openings_root=openings_root(context, openings),
    )


def _openings(desk: CapsuleContext, campaign: CampaignState) -> Openings:
    """Openings of the head, held against the weights that were scored. Raises HeadDiffersError."""
    head = desk.encrypted_head(campaign)
    openings = desk.open_head(campaign, head)
    if (unpack(openings.plaintexts, head).values != desk.weights(campaign).values).any():
        raise HeadDiffersError(campaign.id, campaign.model.version)
    return openings
