"""`scoreGradient` or `rejectGradient`: the way of the oldest Gradient of a Campaign to its score.

fetch -> check -> warrant -> score -> publish -> record -> send. Each stage is a function of the frozen result of the
stage before, which carries the Campaign, its inputs, the submission and the Merkle root along. `score` starts a job
that may take several turns of the service. Once `record` has journalled a move, this very move is sent, however often
the process starts again.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass

from eth_utils.crypto import keccak

from ape_capsule.errors import BundleMissingError, MalformedGradientError
from ape_capsule.home.prepared_moves import PreparedRejection, PreparedScore
from ape_capsule.home.score_evidence import ScoreEvidence
from ape_capsule.moves.campaign_inputs import CampaignInputs
from ape_capsule.moves.context import CapsuleContext
from ape_capsule.moves.open_or_decline import MOST_ATTEMPTS
from ape_capsule.scoring.gradient_checks import CampaignRef, check_commitment, check_header, check_tensor
from ape_capsule.scoring.job import ScoringJob, ScoringResult
from ape_capsule.scoring.score import ScoreResult
from sonar_core.base.errors import FormatError, one_line
from sonar_core.crypto.sealed_messages import (
    MalformedMessageError,
    MessageTooLargeError,
    UnsealProcessError,
    UnsealTimeoutError,
    WrongKeyError,
)
from sonar_core.protocol.commitments import tensor_root
from sonar_core.protocol.gradient_bundle import Bundle
from sonar_core.protocol.ledger import CampaignState, Ledger
from sonar_core.protocol.structs import EMPTY_BYTES32, GradientRecord, Rejection, Score
from sonar_core.protocol.units import COIN, from_wad
from sonar_core.service.action import Action
from sonar_core.store import BlobCorruptError, BlobNotFoundError, BlobTooLargeError
from syft import wire
from syft.errors import SyftError
from syft.nn import apply_delta
from syft.paillier import EncryptedTensor, IntegerTensor, Openings, PrivateContext

#: Most bytes of a bundle on top of its ciphertexts: headers, armour, session keys.
_BUNDLE_OVERHEAD = 1 << 17


@dataclass(frozen=True, slots=True, eq=False)
class Submission:
    """A Gradient that awaits its score.

    Attributes:
        campaign: as of the newest block.
        record: the Gradient as it was submitted.
        anchor: 32 bytes of the Gradient and of the Model that it is applied to; a score is for this pair alone.
        inputs: of the Campaign.
        keys: the Campaign's Paillier key pair.
    """

    campaign: CampaignState
    record: GradientRecord
    anchor: bytes
    inputs: CampaignInputs
    keys: PrivateContext

    @property
    def largest_bundle(self) -> int:
        """Most bytes of its bundle, unsealed."""
        return self.inputs.ciphertexts * self.keys.ciphertext_bytes + _BUNDLE_OVERHEAD


@dataclass(frozen=True, slots=True, eq=False)
class FetchedBundle:
    """The sealed bundle of a submission, as the store has it."""

    submission: Submission
    sealed: bytes


@dataclass(frozen=True, slots=True, eq=False)
class CheckedGradient:
    """A Gradient that is the submitted one and fits its Campaign; still encrypted.

    Attributes:
        submission: of the Gradient.
        payload: the ciphertexts, in the bytes of the bundle.
        tensor: the ciphertexts.
        root: their Merkle root.
    """

    submission: Submission
    payload: bytes
    tensor: EncryptedTensor
    root: bytes


@dataclass(frozen=True, slots=True, eq=False)
class WarrantedGradient:
    """A Gradient that may be decrypted: the warrant for it is on disk.

    Attributes:
        gradient: the checked one.
        weights: of the newest Model, in the clear.
    """

    gradient: CheckedGradient
    weights: IntegerTensor


@dataclass(frozen=True, slots=True, eq=False)
class RunningScore:
    """A Gradient whose score is being computed; `future` receives it."""

    gradient: CheckedGradient
    future: Future[ScoringResult]


class Scorer:
    """Gradients being scored: at most one per Campaign, always its oldest.

    Args:
        context: the Capsule's tools.
    """

    def __init__(self, context: CapsuleContext) -> None:
        self._context = context
        self._running: dict[bytes, RunningScore] = {}

    def advance(self, campaign: CampaignState, ledger: Ledger) -> list[Action]:
        """Scores or rejects the oldest Gradient; returns no Action while a worker scores it or no worker is free.

        Args:
            campaign: as of the newest block; the submission of its oldest Gradient has its confirmations.
            ledger: all Campaigns.

        Raises:
            WrongNextError: another Gradient was submitted meanwhile: read the chain again.
            WorkerLostError, SonarError, OSError: nothing was sent; the next turn tries again.
        """
        oldest, context = campaign.oldest_unscored, self._context
        if oldest is None:
            return []
        anchor = keccak(oldest.record.digest() + campaign.model.root)
        try:
            prepared = recorded(context, campaign, anchor) or self._prepare(campaign, oldest.record, anchor, ledger)
        except BundleMissingError as error:
            return [Action("waiting", campaign.id, one_line(error))]
        return [send(context, campaign, oldest.record, prepared)] if prepared else []

    def discard(self, campaign: bytes) -> None:
        """Drops the score of a Campaign that is being computed, if any."""
        running = self._running.pop(campaign, None)
        if running is not None:
            self._context.workers.discard(running.future)

    def _prepare(
        self, campaign: CampaignState, gradient: GradientRecord, anchor: bytes, ledger: Ledger
    ) -> PreparedScore | PreparedRejection | None:
        """The recorded move for a Gradient; None until it is computed. A score of another pair is dropped."""
        context, running = self._context, self._running.get(campaign.id)
        if running is None or running.gradient.submission.anchor != anchor:
            self.discard(campaign.id)
            if not context.workers.has_room:
                return None
            inputs, keys = context.inputs(campaign, ledger), context.keystore.get(campaign.id)
            submission = Submission(campaign, gradient, anchor, inputs, keys)
            started = start(context, submission)
            if isinstance(started, PreparedRejection):
                return record(context, submission, started)
            running = self._running[campaign.id] = started
        if not running.future.done():
            return None
        del self._running[campaign.id]
        return record(context, running.gradient.submission, publish(context, running))


# ---------------------------------------------------------------------- the stages, in order


def start(context: CapsuleContext, submission: Submission) -> RunningScore | PreparedRejection:
    """The stages from `fetch` to `score`. Raises as they do."""
    fetched = fetch(context, submission)
    checked = fetched if isinstance(fetched, PreparedRejection) else check(context, fetched)
    return checked if isinstance(checked, PreparedRejection) else score(context, warrant(context, checked))


def fetch(context: CapsuleContext, submission: Submission) -> FetchedBundle | PreparedRejection:
    """Reads the sealed bundle from the store; rejects the Gradient if the bundle is too large or its time is over.

    Raises:
        BundleMissingError: the bundle may still be published.
        StoreUnavailableError: the store does not answer.
        BlobNotFoundError, BlobCorruptError: the store lacks the newest Model too, and is at fault itself.
    """
    bundle = submission.record.bundle
    try:
        # Twice, since armour adds a third.
        return FetchedBundle(submission, context.store.get(bundle, limit=2 * submission.largest_bundle))
    except BlobTooLargeError as error:
        return _malformed(error)
    except (BlobNotFoundError, BlobCorruptError):
        available_until = submission.record.submitted_at + submission.campaign.terms.unavailability_window
        if context.chain.timestamp() < available_until:
            raise BundleMissingError(submission.record.number) from None
    context.encrypted_model(submission.campaign)
    return PreparedRejection(Rejection.UNAVAILABLE, "its bundle never appeared")


def check(context: CapsuleContext, fetched: FetchedBundle) -> CheckedGradient | PreparedRejection:
    """Unseals the bundle and holds it against the submission and the Campaign's Model; rejects what breaks a rule.

    Raises:
        UnsealTimeoutError, UnsealProcessError: it could not be unsealed this time.
    """
    submission, chain = fetched.submission, context.chain
    try:
        bundle = Bundle.from_bytes(_unsealed(context, fetched))
        check_header(bundle, submission.record, CampaignRef(chain.chain_id, chain.address, submission.campaign.id))
        tensor = wire.loads_tensor(bundle.gradient, submission.keys)
        root = tensor_root(tensor)
        check_commitment(bundle, submission.record, root)
        check_tensor(tensor, submission.inputs.model, submission.inputs.packing)
    except (FormatError, SyftError, MalformedGradientError) as error:
        return _malformed(error)
    return CheckedGradient(submission, bundle.gradient, tensor, root)


def warrant(context: CapsuleContext, gradient: CheckedGradient) -> WarrantedGradient:
    """Writes the warrant for the Gradient. Raises WarrantRefusedError, or as `CapsuleContext.model_weights`."""
    campaign = gradient.submission.campaign
    # First, since weights that are not kept need a warrant of their own.
    weights = context.model_weights(campaign)
    context.decryption.warrant_gradient(campaign.id, gradient.submission.record.number, gradient.root)
    return WarrantedGradient(gradient, weights)


def score(context: CapsuleContext, warranted: WarrantedGradient) -> RunningScore:
    """Starts the job that decrypts and scores the Gradient."""
    gradient, submission = warranted.gradient, warranted.gradient.submission
    terms = submission.campaign.terms
    job = ScoringJob(
        submission.keys,
        gradient.tensor,
        submission.inputs.model,
        warranted.weights,
        submission.inputs.validation,
        accuracy=submission.campaign.accuracy,
        target=terms.target_accuracy,
        min_improvement=terms.min_improvement,
    )
    return RunningScore(gradient, context.workers.submit(job))


def publish(context: CapsuleContext, running: RunningScore) -> PreparedScore | PreparedRejection:
    """Publishes the ciphertexts, the evidence and the new Model of a score that is computed.

    Raises:
        WorkerLostError: the worker died.
        SyftError: one of the Gradient's numbers is no ciphertext.
        StoreError, OSError: not all is published.
    """
    gradient, campaign = running.gradient, running.gradient.submission.campaign
    result = context.workers.result(running.future)
    context.observer.timed("score", result.seconds)
    unsealed_bundle = context.store.put(gradient.payload)
    if result.score is None:
        return _rejected_with_evidence(context, gradient, unsealed_bundle, result.openings, result.objection)
    try:
        moved = _apply(context, gradient, result.score) if result.score.improved else None
    except (MalformedGradientError, SyftError) as error:
        return _rejected_with_evidence(context, gradient, unsealed_bundle, result.openings, one_line(error))
    evidence = _keep_evidence(context, gradient, ScoreEvidence(result.openings, result.score.predictions))
    model, root = EMPTY_BYTES32, campaign.model.root
    if moved is not None:
        root = tensor_root(moved)
        context.weights.keep(campaign.id, root, result.score.weights)
        model = context.store.put(wire.dumps_tensor(moved))
    return PreparedScore(Score(result.score.accuracy, result.score.step_size, model, root, unsealed_bundle, evidence))


def record(
    context: CapsuleContext, submission: Submission, prepared: PreparedScore | PreparedRejection
) -> PreparedScore | PreparedRejection:
    """Journals the move: from now on it is this one that is sent."""
    campaign = submission.campaign.id
    if isinstance(prepared, PreparedRejection):
        context.journal.note_refusal(campaign, submission.record.number, prepared.message)
    context.journal.prepare(campaign, submission.anchor, prepared)
    return prepared


def recorded(
    context: CapsuleContext, campaign: CampaignState, anchor: bytes
) -> PreparedScore | PreparedRejection | None:
    """The move that `record` journalled for `anchor`, if any."""
    journal = context.journal
    return journal.prepared(campaign.id, anchor, PreparedScore) or journal.prepared(
        campaign.id, anchor, PreparedRejection
    )


def send(
    context: CapsuleContext,
    campaign: CampaignState,
    gradient: GradientRecord,
    prepared: PreparedScore | PreparedRejection,
) -> Action:
    """Sends the move's transaction. Raises WrongNextError, SonarError."""
    chain, following = context.chain, campaign.next_in_queue
    if isinstance(prepared, PreparedRejection):
        chain.reject_gradient(
            campaign.id, gradient, prepared.reason, prepared.unsealed_bundle, prepared.evidence, following
        )
        message = f"Gradient {gradient.number} is {prepared.reason.name.lower()}: {prepared.message}"
        return Action("rejected", campaign.id, message)
    chain.score_gradient(campaign.id, gradient, prepared.score, following)
    before, measured = (f"{from_wad(accuracy):.4f}" for accuracy in (campaign.accuracy, prepared.score.accuracy))
    fee = context.money(campaign.terms.scoring_fee, COIN.address)
    if prepared.score.model == EMPTY_BYTES32:
        message = f"Gradient {gradient.number}: {measured}, no improvement; the accuracy stays {before} (fee {fee})"
    else:
        message = f"Gradient {gradient.number}: {before} -> {measured}, an improvement (fee {fee})"
    return Action("scored", campaign.id, message)


# ---------------------------------------------------------------------- parts of the stages


def _malformed(error: Exception) -> PreparedRejection:
    return PreparedRejection(Rejection.MALFORMED, one_line(error))


def _unsealed(context: CapsuleContext, fetched: FetchedBundle) -> bytes:
    """The bundle's bytes. A message that fails to unseal again and again counts as malformed."""
    submission = fetched.submission
    try:
        return context.identity.unseal_bundle(fetched.sealed, limit=submission.largest_bundle)
    except (MalformedMessageError, WrongKeyError, MessageTooLargeError) as error:
        raise MalformedGradientError(one_line(error)) from error
    except (UnsealTimeoutError, UnsealProcessError) as error:
        if context.journal.count_attempt(submission.record.bundle) < MOST_ATTEMPTS:
            raise
        raise MalformedGradientError(one_line(error)) from error


def _apply(context: CapsuleContext, gradient: CheckedGradient, result: ScoreResult) -> EncryptedTensor:
    """The new Model, computed from public ciphertexts alone, so that anyone can recompute it."""
    encrypted = context.encrypted_model(gradient.submission.campaign)
    points = gradient.submission.inputs.model.fixed_point
    return apply_delta(encrypted, gradient.tensor, result.step_size, points)


def _rejected_with_evidence(
    context: CapsuleContext, gradient: CheckedGradient, unsealed_bundle: bytes, openings: Openings, message: str
) -> PreparedRejection:
    evidence = _keep_evidence(context, gradient, ScoreEvidence(openings, None))
    return PreparedRejection(Rejection.MALFORMED, message, unsealed_bundle, evidence)


def _keep_evidence(context: CapsuleContext, gradient: CheckedGradient, evidence: ScoreEvidence) -> bytes:
    submission = gradient.submission
    name = f"gradient-{submission.record.number}"
    return context.keep_evidence(submission.campaign, name, evidence, submission.inputs)
