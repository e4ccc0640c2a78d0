"""The Capsule's verdict on the oldest Gradient: score it, or reject it with a reason."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass

from eth_utils.crypto import keccak

from ape_capsule.errors import MalformedGradientError
from ape_capsule.home.score_evidence import ScoreEvidence
from ape_capsule.home.state import Prepared
from ape_capsule.moves.campaign_inputs import CampaignInputs
from ape_capsule.moves.context import CapsuleContext
from ape_capsule.moves.open_or_decline import MOST_ATTEMPTS
from ape_capsule.scoring.job import ScoringJob, ScoringResult
from ape_capsule.scoring.score import CampaignRef, ScoreResult, check_commitment, check_header, check_tensor
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
from sonar_core.protocol.units import from_wad
from sonar_core.service.action import Action
from sonar_core.store import BlobCorruptError, BlobNotFoundError, BlobTooLargeError
from syft import wire
from syft.errors import SyftError
from syft.nn import apply_delta
from syft.paillier import EncryptedTensor

#: What a sealed bundle may have on top of its ciphertexts: headers, armour, session keys.
_BUNDLE_OVERHEAD = 1 << 17


class Scorer:
    """Where Gradients lie while they are weighed: the oldest of each Campaign, and no second one before its verdict.

    Args:
        desk: the Capsule's tools.
    """

    def __init__(self, desk: CapsuleContext) -> None:
        self._desk = desk
        self._examined: dict[bytes, _PendingScore] = {}

    def judge(self, campaign: CampaignState, ledger: Ledger) -> list[Action]:
        """Scores or rejects the oldest Gradient; waits while its bundle may still appear, and while it is weighed.

        Args:
            campaign: as of the newest block; its oldest Gradient was submitted under enough confirmations.
            ledger: all Campaigns.

        Raises:
            WrongNextError: somebody submitted in between; look again.
            WorkerLostError, SonarError, OSError: no verdict was given, and the next step tries again.
        """
        gradient = campaign.oldest_unscored
        if gradient is None:
            return []
        record, state = gradient.record, self._desk.state
        anchor = keccak(record.digest() + campaign.model.root)
        prepared = state.prepared(campaign.id, "score", anchor) or state.prepared(campaign.id, "reject", anchor)
        if prepared is None:
            examination = self._examination(campaign, record, anchor, ledger)
            if examination is None or not examination.is_weighed:
                return []
            del self._examined[campaign.id]
            prepared = examination.verdict()
        if prepared is None:
            return [Action("waiting", campaign.id, f"the bundle of Gradient {record.number} is not there yet")]
        return [_send(self._desk, campaign, record, prepared)]

    def let_go(self, campaign: bytes) -> None:
        """Takes off what nobody wants to know of a Campaign any more."""
        examination = self._examined.pop(campaign, None)
        if examination is not None:
            examination.give_up()

    def _examination(
        self, campaign: CampaignState, record: GradientRecord, anchor: bytes, ledger: Ledger
    ) -> _PendingScore | None:
        """The one that is under way, or a new one where there is room; one of another head or Gradient is let go of."""
        former = self._examined.get(campaign.id)
        if former is not None and former.anchor == anchor:
            return former
        self.let_go(campaign.id)
        if not self._desk.workers.has_room:
            return None
        examination = _PendingScore(self._desk, campaign, record, anchor, self._desk.material(campaign, ledger))
        examination.begin()
        self._examined[campaign.id] = examination
        return examination


class _PendingScore:
    """One Gradient on its way to a verdict that is ready to send.

    Attributes:
        anchor: 32 bytes of the Gradient and the head that it is held against.
    """

    def __init__(
        self,
        desk: CapsuleContext,
        campaign: CampaignState,
        record: GradientRecord,
        anchor: bytes,
        material: CampaignInputs,
    ) -> None:
        self._desk, self._campaign, self._record = desk, campaign, record
        self.anchor, self._material = anchor, material
        self._context = desk.context(campaign)
        self._packing = desk.packing(campaign, material)
        self._rejected: Prepared | None = None
        self._weighing: _UnderWay | None = None

    @property
    def is_weighed(self) -> bool:
        """Whether nothing is under way (any more)."""
        return self._weighing is None or self._weighing.future.done()

    def begin(self) -> None:
        """Fetches, unseals and checks; what passes is begun to be weighed, under a warrant."""
        try:
            # Twice, since armour adds a third.
            sealed = self._desk.store.get(self._record.bundle, limit=2 * self._largest_bundle())
        except (BlobNotFoundError, BlobCorruptError):
            self._rejected = self._unavailable()
            return
        except BlobTooLargeError as error:
            self._rejected = self._malformed(error)
            return
        try:
            bundle = Bundle.from_bytes(self._unsealed(sealed))
            gradient = self._checked(bundle)
        except (FormatError, SyftError, MalformedGradientError) as error:
            self._rejected = self._malformed(error)
            return
        self._weighing = self._weigh(bundle, gradient)

    def verdict(self) -> Prepared | None:
        """A verdict, prepared, once all is weighed; None while the bundle may still appear."""
        return self._rejected if self._weighing is None else self._weighed(self._weighing)

    def give_up(self) -> None:
        """Lets go of what is weighed."""
        if self._weighing is not None:
            self._desk.workers.forget(self._weighing.future)

    def _largest_bundle(self) -> int:
        features, outputs = self._material.model.shape
        return features * self._packing.plaintexts(outputs) * self._context.ciphertext_bytes + _BUNDLE_OVERHEAD

    def _unavailable(self) -> Prepared | None:
        """Unavailable, once its time is over: unless the store lacks what is known to be in it, and so is at fault."""
        if self._desk.chain.timestamp() < self._record.submitted_at + self._campaign.terms.unavailability_window:
            return None
        self._desk.encrypted_head(self._campaign)
        return self._reject(Rejection.UNAVAILABLE, "its bundle never appeared")

    def _unsealed(self, sealed: bytes) -> bytes:
        """The bundle's bytes. A message on which the opener fails again and again is one that cannot be opened."""
        try:
            return self._desk.identity.unseal_bundle(sealed, limit=self._largest_bundle())
        except (MalformedMessageError, WrongKeyError, MessageTooLargeError) as error:
            raise MalformedGradientError(one_line(error)) from error
        except (UnsealTimeoutError, UnsealProcessError) as error:
            if self._desk.state.count_attempt(self._record.bundle) < MOST_ATTEMPTS:
                raise
            raise MalformedGradientError(one_line(error)) from error

    def _checked(self, bundle: Bundle) -> EncryptedTensor:
        """The Gradient's ciphertexts, held against what was registered. Raises FormatError, SyftError, Malformed..."""
        chain, record = self._desk.chain, self._record
        check_header(bundle, record, CampaignRef(chain.chain_id, chain.address, self._campaign.id))
        gradient = wire.loads_tensor(bundle.gradient, self._context)
        check_commitment(bundle, record, tensor_root(gradient))
        check_tensor(gradient, self._material.model, self._packing)
        return gradient

    def _weigh(self, bundle: Bundle, gradient: EncryptedTensor) -> _UnderWay:
        terms, head = self._campaign.terms, self._desk.weights(self._campaign)
        self._desk.warrant_gradient(self._campaign, self._record.number, gradient)
        weighing = ScoringJob(
            self._context,
            gradient,
            self._material.model,
            head,
            self._material.validation,
            accuracy=self._campaign.accuracy,
            target=terms.target_accuracy,
            min_improvement=terms.min_improvement,
        )
        return _UnderWay(bundle, gradient, self._desk.workers.ask(weighing))

    def _weighed(self, weighing: _UnderWay) -> Prepared:
        """Publishes what follows from the weights."""
        weighed = self._desk.workers.result(weighing.future)
        self._desk.observer.timed("score", weighed.seconds)
        openings, verdict = weighed.openings, weighed.verdict
        opened = self._desk.store.put(weighing.bundle.gradient)
        if verdict is None:
            return self._reject(
                Rejection.MALFORMED, weighed.objection, opened, self._evidence(ScoreEvidence(openings, None))
            )
        try:
            moved = self._moved(weighing.gradient, verdict) if verdict.improved else None
        except (MalformedGradientError, SyftError) as error:
            return self._malformed(error, opened, self._evidence(ScoreEvidence(openings, None)))
        evidence = self._evidence(ScoreEvidence(openings, verdict.predictions))
        model, root = (EMPTY_BYTES32, self._campaign.model.root) if moved is None else self._publish(moved, verdict)
        return self._desk.state.prepare(
            self._campaign.id,
            "score",
            self.anchor,
            accuracy=verdict.accuracy,
            step=verdict.step,
            model=model,
            model_root=root,
            opened=opened,
            evidence=evidence,
        )

    def _moved(self, gradient: EncryptedTensor, verdict: ScoreResult) -> EncryptedTensor:
        """The new head, by the public recomputation that anyone can repeat."""
        head = self._desk.encrypted_head(self._campaign)
        return apply_delta(head, gradient, verdict.step, self._material.model.fixed_point)

    def _publish(self, moved: EncryptedTensor, verdict: ScoreResult) -> tuple[bytes, bytes]:
        root = tensor_root(moved)
        self._desk.heads.keep(self._campaign.id, root, verdict.head)
        return self._desk.store.put(wire.dumps_tensor(moved)), root

    def _evidence(self, evidence: ScoreEvidence) -> bytes:
        return self._desk.keep_evidence(self._campaign, f"gradient-{self._record.number}", evidence, self._material)

    def _malformed(self, error: Exception, opened: bytes = EMPTY_BYTES32, evidence: bytes = EMPTY_BYTES32) -> Prepared:
        return self._reject(Rejection.MALFORMED, one_line(error), opened, evidence)

    def _reject(
        self, reason: Rejection, words: str, opened: bytes = EMPTY_BYTES32, evidence: bytes = EMPTY_BYTES32
    ) -> Prepared:
        state, campaign = self._desk.state, self._campaign.id
        state.note_refusal(campaign, self._record.number, words)
        return state.prepare(
            campaign, "reject", self.anchor, reason=int(reason), opened=opened, evidence=evidence, words=words
        )


@dataclass(frozen=True, slots=True, eq=False)
class _UnderWay:
    """What is weighed, and where it will be found."""

    bundle: Bundle
    gradient: EncryptedTensor
    future: Future[ScoringResult]


def _send(desk: CapsuleContext, campaign: CampaignState, record: GradientRecord, prepared: Prepared) -> Action:
    opened, evidence = prepared.digest("opened"), prepared.digest("evidence")
    if prepared.move == "reject":
        reason = Rejection(prepared.number("reason"))
        desk.chain.reject_gradient(campaign.id, record, reason, opened, evidence, campaign.next_in_queue)
        words = f"Gradient {record.number} is {reason.name.lower()}: {prepared.arguments['words']}"
        return Action("rejected", campaign.id, words)
    verdict = Score(
        accuracy=prepared.number("accuracy"),
        step_size=prepared.number("step"),
        model=prepared.digest("model"),
        model_root=prepared.digest("model_root"),
        unsealed_bundle=opened,
        evidence=evidence,
    )
    desk.chain.score_gradient(campaign.id, record, verdict, campaign.next_in_queue)
    moved = "an improvement" if verdict.model != EMPTY_BYTES32 else "no improvement"
    rise = f"{from_wad(campaign.accuracy):.4f} -> {from_wad(verdict.accuracy):.4f}"
    return Action("scored", campaign.id, f"Gradient {record.number}: {rise}, {moved}")
