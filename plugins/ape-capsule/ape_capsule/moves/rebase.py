"""`rebase`: the newest Model encrypted anew at a smaller scale, if its slots have no room for another Gradient."""

from __future__ import annotations

from ape_capsule.errors import LogsMissingError
from ape_capsule.home.prepared_moves import PreparedRebase
from ape_capsule.home.score_evidence import ScoreEvidence
from ape_capsule.moves.campaign_inputs import CampaignInputs
from ape_capsule.moves.context import CapsuleContext
from ape_capsule.scoring.score import measure, needs_rebase
from ape_capsule.scoring.score import rebase as rebase_weights
from sonar_core.protocol.commitments import tensor_root
from sonar_core.protocol.ledger import CampaignState, Ledger
from sonar_core.service.action import Action
from syft import wire


def is_full(context: CapsuleContext, campaign: CampaignState, ledger: Ledger) -> bool:
    """Whether the slots of the newest Model have no room for another Gradient."""
    inputs = context.inputs(campaign, ledger)
    return needs_rebase(inputs.model, context.model_weights(campaign).exponent, inputs.packing)


def rebase(context: CapsuleContext, campaign: CampaignState, ledger: Ledger) -> list[Action]:
    """Publishes the newest Model at a smaller scale.

    Raises:
        PredictionsMovedError: no smaller scale keeps its predictions.
        LogsMissingError: the contract counts a newer Model than the node's logs, which may be this very rebase.
        SonarError, OSError: nothing is on chain; the next turn tries again.
    """
    logged, counted = campaign.model.version, context.chain.campaign_of(campaign.id).version
    if counted != logged:
        raise LogsMissingError(campaign.id, logged, counted)
    prepared = context.journal.prepared(campaign.id, campaign.model.root, PreparedRebase)
    if prepared is None:
        prepared = _prepare(context, campaign, context.inputs(campaign, ledger))
        context.journal.prepare(campaign.id, campaign.model.root, prepared)
    context.chain.rebase(campaign.id, prepared.model, prepared.model_root, prepared.evidence)
    return [Action("rebased", campaign.id, f"version {campaign.model.version + 1} has room for more Gradients")]


def _prepare(context: CapsuleContext, campaign: CampaignState, inputs: CampaignInputs) -> PreparedRebase:
    smaller = rebase_weights(inputs.model, context.model_weights(campaign), inputs.packing, inputs.validation)
    predictions = measure(inputs.model, smaller, inputs.validation).predictions
    evidence = ScoreEvidence(context.model_openings(campaign), predictions)
    evidence_root = context.keep_evidence(campaign, f"rebase-{campaign.model.version}", evidence, inputs)
    encrypted = context.keystore.get(campaign.id).encrypt(smaller, inputs.packing)
    root = tensor_root(encrypted)
    context.weights.keep(campaign.id, root, smaller)
    return PreparedRebase(context.store.put(wire.dumps_tensor(encrypted)), root, evidence_root)
