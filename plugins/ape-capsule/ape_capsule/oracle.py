"""The Capsule's loop: open or decline, score in order, rebase, deliver, collect.

`step` handles what is new and returns; `run` repeats it. What a move computes is published and journalled before its
transaction is sent; which moves are due is read off the chain each time. So a Capsule that is killed anywhere and
started again goes on where it stood: no Gradient is scored twice, and none is skipped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event as Flag

from eth_utils import keccak

from ape_sonar import events as ev
from ape_sonar.blobs import LARGEST_TENSOR, read_tensor
from ape_sonar.bundle import Bundle
from ape_sonar.chain import ChainError, SonarChain
from ape_sonar.chronicle import Chronicle
from ape_sonar.contract_errors import WrongNextError
from ape_sonar.delivery import Delivery
from ape_sonar.errors import FormatError, SonarError, one_line
from ape_sonar.ledger import CampaignState, GradientState
from ape_sonar.roots import openings_root, public_key_root, tensor_root
from ape_sonar.seal import MalformedMessageError, MessageTooLargeError, UnsealTimeoutError, WrongKeyError
from ape_sonar.store import BlobCorruptError, BlobNotFoundError, BlobStore, BlobTooLargeError
from ape_sonar.terms import Opening, Rejection, Score, Status
from ape_sonar.units import ZERO_ADDRESS, from_wad
from syft import wire
from syft.errors import SyftError
from syft.nn import apply_delta
from syft.paillier import EncryptedTensor, IntegerTensor, Openings, Packing, PrivateContext, unpack

from .archive import Archive
from .errors import CampaignRefusedError, HeadDiffersError, MalformedGradientError
from .evidence import Evidence
from .heads import Heads
from .identity import Identity
from .keystore import Keystore
from .material import Material, read_material
from .scoring import (
    Place,
    check_commitment,
    check_header,
    check_tensor,
    claim_holds,
    measure,
    needs_rebase,
    rebase,
    score,
)
from .state import Prepared, State
from .warrants import Kind, Warrant, WarrantLog

_NONE = bytes(32)
#: Longest reason told on chain; the contract takes 256 bytes.
_LONGEST_REASON = 250

#: A bundle that can be fetched and breaks a rule: no waiting mends it.
_MALFORMED = (
    BlobTooLargeError,
    MalformedMessageError,
    WrongKeyError,
    MessageTooLargeError,
    UnsealTimeoutError,
    FormatError,
    SyftError,
    MalformedGradientError,
)


@dataclass(frozen=True, slots=True)
class Action:
    """Something the Capsule did or found out.

    Attributes:
        kind: opened, declined, scored, rejected, rebased, delivered, collected, waiting or trouble.
        campaign: id; None for what is about no Campaign.
        words: for people; nothing secret in them.
    """

    kind: str
    campaign: bytes | None
    words: str


class Oracle:
    """One Capsule on one chain.

    Args:
        chain: as the Capsule's account.
        store: where blobs are.
        identity, keystore, warrants, state: of the Capsule's home.
        heads, evidence: its archives.
        confirmations: blocks on top of an event before it counts.
        start_block: of the contracts' deployment.
    """

    def __init__(
        self,
        chain: SonarChain,
        store: BlobStore,
        *,
        identity: Identity,
        keystore: Keystore,
        warrants: WarrantLog,
        state: State,
        heads: Archive,
        evidence: Archive,
        confirmations: int,
        start_block: int,
    ) -> None:
        self._chain, self._store = chain, store
        self._identity, self._keystore, self._warrants, self._state = identity, keystore, warrants, state
        self._heads, self._evidence = Heads(heads), evidence
        self._chronicle = Chronicle(chain, state.journal, confirmations=confirmations, start_block=start_block)
        self._materials: dict[bytes, Material] = {}
        self._told: dict[bytes, str] = {}

    def run(self, *, poll_interval: float, stop: Flag, report: Callable[[Action], None]) -> None:
        """Steps until `stop` is set, waiting `poll_interval` seconds when nothing was done."""
        while not stop.is_set():
            try:
                actions = self.step()
            except (SonarError, SyftError, OSError) as error:
                actions = [Action("trouble", None, one_line(error))]
            for action in actions:
                report(action)
            if not any(action.kind not in ("trouble", "waiting") for action in actions):
                stop.wait(poll_interval)

    def step(self) -> list[Action]:
        """One move for each Campaign that needs one.

        Raises:
            ChainError: the chain cannot be reached.
        """
        for batch in self._chronicle.catch_up():
            if batch.rewound_to is not None:
                self._warrants.rewound(batch.rewound_to, self._chain.timestamp())
        newest = self._chronicle.ahead().campaigns
        actions = []
        for confirmed in self._chronicle.ledger.campaigns.values():
            if confirmed.terms.capsule == self._chain.sender and confirmed.id in newest:
                actions += self._serve(confirmed, newest[confirmed.id])
        return actions

    def close(self) -> None:
        """Closes the journal."""
        self._state.close()

    # ------------------------------------------------------------------ one Campaign

    def _serve(self, confirmed: CampaignState, newest: CampaignState) -> list[Action]:
        """The next move of one Campaign; its troubles stop no other."""
        try:
            return self._move(confirmed, newest)
        except ChainError:
            raise
        except WrongNextError:
            return []  # Somebody submitted in between: the next step looks again.
        except (SonarError, SyftError, OSError) as error:
            return self._tell("trouble", newest.id, one_line(error))

    def _move(self, confirmed: CampaignState, newest: CampaignState) -> list[Action]:
        status = newest.status(self._chain.timestamp())
        if status is Status.REQUESTED:
            return self._answer(newest)
        if status in (Status.OPEN, Status.CLOSING):
            if newest.awaits_score:
                return self._judge(confirmed, newest)
            if status is Status.CLOSING:
                return self._deliver(newest)
            return self._rebase_if_full(newest)
        if newest.settled_at:
            return self._collect(newest)
        return []

    def _tell(self, kind: str, campaign: bytes, words: str) -> list[Action]:
        """The same trouble is told once."""
        if self._told.get(campaign) == words:
            return []
        self._told[campaign] = words
        return [Action(kind, campaign, words)]

    def _material(self, campaign: CampaignState) -> Material:
        if campaign.id not in self._materials:
            self._materials[campaign.id] = read_material(
                self._store, self._identity, campaign.terms, self._parent_weights(campaign)
            )
        return self._materials[campaign.id]

    def _parent_weights(self, campaign: CampaignState) -> IntegerTensor | None:
        if campaign.terms.parent == _NONE:
            return None
        parent = self._chronicle.ledger.campaign(campaign.terms.parent)
        return self._heads.take(parent.id, parent.model.root)

    def _packing(self, campaign: CampaignState) -> Packing:
        model = self._material(campaign).model
        return model.fixed_point.packing(self._keystore.get(campaign.id).n_bits, model.shape)

    # ------------------------------------------------------------------ open or decline

    def _answer(self, campaign: CampaignState) -> list[Action]:
        prepared = self._state.prepared(campaign.id, "open", campaign.id)
        if prepared is None:
            try:
                prepared = self._prepare_opening(campaign)
            except BlobNotFoundError as error:
                return self._tell("waiting", campaign.id, one_line(error))
            except CampaignRefusedError as error:
                reason = one_line(error)[:_LONGEST_REASON]
                self._chain.decline(campaign.id, reason)
                return [Action("declined", campaign.id, reason)]
        opening = Opening(
            public_key=_bytes(prepared, "public_key"),
            public_key_root=_bytes(prepared, "public_key_root"),
            model=_bytes(prepared, "model"),
            model_root=_bytes(prepared, "model_root"),
            accuracy=int(prepared.arguments["accuracy"]),
        )
        self._chain.open(campaign.id, opening, value=self._post_bond(campaign))
        return [Action("opened", campaign.id, f"starts at an accuracy of {from_wad(opening.accuracy):.4f}")]

    def _prepare_opening(self, campaign: CampaignState) -> Prepared:
        material = self._material(campaign)
        weights = material.model.weights_
        assert isinstance(weights, IntegerTensor)
        accuracy = measure(material.model, weights, material.validation).accuracy
        self._require_claim(campaign, accuracy, len(material.validation.rows))
        self._require_size(material)
        context = self._keystore.create(campaign.id, material.spec.key_bits)
        encrypted = context.encrypt(weights, self._packing(campaign))
        root = tensor_root(encrypted)
        self._heads.keep(campaign.id, root, weights)
        return self._prepare(
            campaign.id,
            "open",
            campaign.id,
            public_key=self._store.put(wire.dumps_public_key(context)),
            public_key_root=public_key_root(context),
            model=self._store.put(wire.dumps_tensor(encrypted)),
            model_root=root,
            accuracy=accuracy,
        )

    @staticmethod
    def _require_claim(campaign: CampaignState, accuracy: int, rows: int) -> None:
        terms = campaign.terms
        if not claim_holds(terms.starting_accuracy, accuracy, rows):
            claimed, measured = from_wad(terms.starting_accuracy), from_wad(accuracy)
            raise CampaignRefusedError(f"the starting accuracy is {measured:.4f}, not {claimed:.4f} as claimed")
        if accuracy >= terms.target_accuracy:
            raise CampaignRefusedError(f"the Model starts at the target: its accuracy is {from_wad(accuracy):.4f}")

    def _require_size(self, material: Material) -> None:
        features, outputs = material.model.shape
        packing = material.model.fixed_point.packing(material.spec.key_bits, (features, outputs))
        ciphertexts = features * packing.plaintexts(outputs)
        largest = self._chain.capsule_terms(self._chain.sender).largest_model
        if ciphertexts > largest:
            raise CampaignRefusedError(f"the Model takes {ciphertexts} ciphertexts, and at most {largest} are taken")

    def _post_bond(self, campaign: CampaignState) -> int:
        """The value to send along; an ERC-20's allowance is given first."""
        terms = campaign.terms
        if terms.currency == ZERO_ADDRESS:
            return terms.capsule_bond
        if self._chain.token_allowance(terms.currency, self._chain.sender, self._chain.address) < terms.capsule_bond:
            self._chain.approve(terms.currency, terms.capsule_bond)
        return 0

    # ------------------------------------------------------------------ score

    def _judge(self, confirmed: CampaignState, newest: CampaignState) -> list[Action]:
        """Scores or rejects the oldest Gradient, once its submission has its confirmations."""
        gradient = newest.oldest
        assert gradient is not None
        known = confirmed.gradients.get(gradient.record.number)
        if known is None or known.record != gradient.record:
            return []
        anchor = keccak(gradient.record.digest() + newest.model.root)
        prepared = self._state.prepared(newest.id, "score", anchor) or self._state.prepared(newest.id, "reject", anchor)
        if prepared is None:
            prepared = self._examine(newest, gradient, anchor)
        if prepared is None:
            return self._tell("waiting", newest.id, f"the bundle of Gradient {gradient.record.number} is not there yet")
        return [self._send_verdict(newest, gradient, prepared)]

    def _examine(self, campaign: CampaignState, gradient: GradientState, anchor: bytes) -> Prepared | None:
        """A verdict, ready to send; None while the bundle may still appear."""
        record = gradient.record
        try:
            sealed = self._store.get(record.bundle, limit=LARGEST_TENSOR)
        except (BlobNotFoundError, BlobCorruptError):
            if self._chain.timestamp() < record.submitted_at + campaign.terms.unavailability_window:
                return None
            return self._refuse(campaign, gradient, anchor, Rejection.UNAVAILABLE, "its bundle never appeared")
        except BlobTooLargeError as error:
            return self._refuse(campaign, gradient, anchor, Rejection.MALFORMED, one_line(error))
        try:
            bundle, tensor = self._open_bundle(campaign, gradient, sealed)
        except _MALFORMED as error:
            return self._refuse(campaign, gradient, anchor, Rejection.MALFORMED, one_line(error))
        return self._weigh(campaign, gradient, anchor, bundle, tensor)

    def _open_bundle(
        self, campaign: CampaignState, gradient: GradientState, sealed: bytes
    ) -> tuple[Bundle, EncryptedTensor]:
        """The bundle and its ciphertexts, checked against what was registered. Raises what `_MALFORMED` names."""
        bundle = Bundle.from_bytes(self._identity.unseal_bundle(sealed, limit=LARGEST_TENSOR))
        place = Place(self._chain.chain_id, self._chain.address, campaign.id)
        check_header(bundle, gradient.record, place)
        context = self._keystore.get(campaign.id)
        tensor = wire.loads_tensor(bundle.gradient, context, limit=LARGEST_TENSOR)
        check_commitment(bundle, gradient.record, tensor_root(tensor))
        check_tensor(tensor, self._material(campaign).model, self._packing(campaign))
        return bundle, tensor

    def _weigh(
        self, campaign: CampaignState, gradient: GradientState, anchor: bytes, bundle: Bundle, tensor: EncryptedTensor
    ) -> Prepared:
        """Decrypts a Gradient under a warrant, scores it, and publishes what follows."""
        material, number = self._material(campaign), gradient.record.number
        openings = self._decrypt(campaign, Kind.GRADIENT, number, tensor, "GradientSubmitted")
        opened = self._store.put(bundle.gradient)
        try:
            verdict = score(
                material.model,
                self._heads.take(campaign.id, campaign.model.root),
                unpack(openings.plaintexts, tensor),
                material.validation,
                accuracy=campaign.accuracy,
                target=campaign.terms.target_accuracy,
                min_improvement=campaign.terms.min_improvement,
            )
        except (MalformedGradientError, SyftError) as error:
            evidence = self._keep_evidence(campaign, number, Evidence(openings, None))
            return self._refuse(
                campaign, gradient, anchor, Rejection.MALFORMED, one_line(error), opened=opened, evidence=evidence
            )
        evidence = self._keep_evidence(campaign, number, Evidence(openings, verdict.predictions))
        model, root = _NONE, campaign.model.root
        if verdict.improved:
            model, root = self._publish_head(campaign, tensor, verdict.step, verdict.head)
        return self._prepare(
            campaign.id,
            "score",
            anchor,
            accuracy=verdict.accuracy,
            step=verdict.step,
            model=model,
            model_root=root,
            opened=opened,
            evidence=evidence,
        )

    def _publish_head(
        self, campaign: CampaignState, delta: EncryptedTensor, step: int, weights: IntegerTensor
    ) -> tuple[bytes, bytes]:
        """The new head, by the public recomputation that anyone can repeat."""
        context, points = self._keystore.get(campaign.id), self._material(campaign).model.fixed_point
        head = read_tensor(self._store, campaign.model.address, campaign.model.root, context)
        moved = apply_delta(head, delta, step, points)
        root = tensor_root(moved)
        self._heads.keep(campaign.id, root, weights)
        return self._store.put(wire.dumps_tensor(moved)), root

    def _refuse(
        self,
        campaign: CampaignState,
        gradient: GradientState,
        anchor: bytes,
        reason: Rejection,
        words: str,
        *,
        opened: bytes = _NONE,
        evidence: bytes = _NONE,
    ) -> Prepared:
        self._state.note_refusal(campaign.id, gradient.record.number, words)
        return self._prepare(
            campaign.id, "reject", anchor, reason=int(reason), opened=opened, evidence=evidence, words=words
        )

    def _send_verdict(self, campaign: CampaignState, gradient: GradientState, prepared: Prepared) -> Action:
        record, following = gradient.record, campaign.following
        if prepared.move == "reject":
            reason = Rejection(int(prepared.arguments["reason"]))
            opened, evidence = _bytes(prepared, "opened"), _bytes(prepared, "evidence")
            self._chain.reject_gradient(campaign.id, record, reason, opened, evidence, following)
            words = f"Gradient {record.number} is {reason.name.lower()}: {prepared.arguments['words']}"
            return Action("rejected", campaign.id, words)
        verdict = Score(
            accuracy=int(prepared.arguments["accuracy"]),
            step=int(prepared.arguments["step"]),
            model=_bytes(prepared, "model"),
            model_root=_bytes(prepared, "model_root"),
            opened=_bytes(prepared, "opened"),
            evidence=_bytes(prepared, "evidence"),
        )
        self._chain.score_gradient(campaign.id, record, verdict, following)
        moved = "an improvement" if verdict.model != _NONE else "no improvement"
        words = (
            f"Gradient {record.number}: {from_wad(campaign.accuracy):.4f} -> {from_wad(verdict.accuracy):.4f}, {moved}"
        )
        return Action("scored", campaign.id, words)

    def _keep_evidence(self, campaign: CampaignState, number: int, evidence: Evidence) -> bytes:
        context = self._keystore.get(campaign.id)
        self._evidence.keep(campaign.id, f"gradient-{number}.sealed", evidence.to_bytes(context))
        return evidence.root(context, self._material(campaign).validation.salts)

    def _decrypt(
        self, campaign: CampaignState, kind: Kind, number: int, tensor: EncryptedTensor, event: str, **arguments: int
    ) -> Openings:
        """Openings of registered ciphertexts, after the warrant for them is on disk."""
        named = arguments or {"number": number}
        transaction = self._state.transaction_of(campaign.id, event, **named)
        warrant = Warrant(campaign.id, kind, number, tensor_root(tensor), transaction)
        self._warrants.grant(warrant, self._chain.timestamp())
        context: PrivateContext = self._keystore.get(campaign.id)
        return context.open(tensor)

    # ------------------------------------------------------------------ rebase and deliver

    def _rebase_if_full(self, campaign: CampaignState) -> list[Action]:
        material, packing = self._material(campaign), self._packing(campaign)
        weights = self._heads.take(campaign.id, campaign.model.root)
        if not needs_rebase(material.model, weights.exponent, packing):
            return []
        prepared = self._state.prepared(campaign.id, "rebase", campaign.model.root)
        if prepared is None:
            smaller = rebase(material.model, weights, packing, material.validation)
            context = self._keystore.get(campaign.id)
            openings = self._open_head(campaign)
            predictions = measure(material.model, smaller, material.validation).predictions
            evidence = Evidence(openings, predictions)
            name = f"rebase-{campaign.model.version}.sealed"
            self._evidence.keep(campaign.id, name, evidence.to_bytes(context))
            encrypted = context.encrypt(smaller, packing)
            root = tensor_root(encrypted)
            self._heads.keep(campaign.id, root, smaller)
            prepared = self._prepare(
                campaign.id,
                "rebase",
                campaign.model.root,
                model=self._store.put(wire.dumps_tensor(encrypted)),
                model_root=root,
                evidence=evidence.root(context, material.validation.salts),
            )
        arguments = [_bytes(prepared, name) for name in ("model", "model_root", "evidence")]
        self._chain.rebase(campaign.id, *arguments)
        return [Action("rebased", campaign.id, f"version {campaign.model.version + 1} has room for more Gradients")]

    def _open_head(self, campaign: CampaignState) -> Openings:
        """Openings of the newest head, held against the weights that were scored."""
        context = self._keystore.get(campaign.id)
        head = read_tensor(self._store, campaign.model.address, campaign.model.root, context)
        version = campaign.model.version
        event, named = self._maker_of(campaign)
        openings = self._decrypt(campaign, Kind.MODEL, version, head, event, **named)
        scored = self._heads.take(campaign.id, campaign.model.root)
        if (unpack(openings.plaintexts, head).values != scored.values).any():
            raise HeadDiffersError(campaign.id, version)
        return openings

    def _maker_of(self, campaign: CampaignState) -> tuple[str, dict[str, int]]:
        """The event that registered the newest head, and what tells it from others of its kind."""
        version = campaign.model.version
        for event in (ev.GradientScored.__name__, ev.ModelRebased.__name__):
            if self._state.transaction_of(campaign.id, event, version=version) != _NONE:
                return event, {"version": version}
        return ev.CampaignOpened.__name__, {}

    def _deliver(self, campaign: CampaignState) -> list[Action]:
        prepared = self._state.prepared(campaign.id, "deliver", campaign.model.root)
        if prepared is None:
            context = self._keystore.get(campaign.id)
            openings = self._open_head(campaign)
            delivery = Delivery(
                campaign=campaign.id,
                version=campaign.model.version,
                model=campaign.model.address,
                accuracy=campaign.accuracy,
                openings=wire.dumps_openings(openings, context),
            )
            sealed = self._identity.seal_to(delivery.to_bytes(), self._material(campaign).scientist)
            prepared = self._prepare(
                campaign.id,
                "deliver",
                campaign.model.root,
                delivery=self._store.put(sealed),
                openings_root=openings_root(context, openings),
            )
        self._chain.deliver(campaign.id, _bytes(prepared, "delivery"), _bytes(prepared, "openings_root"))
        return [Action("delivered", campaign.id, f"at an accuracy of {from_wad(campaign.accuracy):.4f}")]

    # ------------------------------------------------------------------ collect

    def _collect(self, campaign: CampaignState) -> list[Action]:
        if not campaign.claims_open(self._chain.timestamp()):
            return []
        terms, to, actions = campaign.terms, self._chain.sender, []
        bond = terms.capsule_fee + terms.capsule_bond
        if campaign.recorded is Status.DELIVERED and bond and not campaign.bond_collected:
            self._chain.collect_bond(campaign.id, to)
            actions.append(Action("collected", campaign.id, f"bond and fee: {bond} smallest units"))
        fees = terms.scoring_fee * campaign.sound
        if fees and not campaign.scoring_fees_collected:
            self._chain.collect_scoring_fees(campaign.id, to)
            actions.append(Action("collected", campaign.id, f"scoring fees: {fees} wei"))
        if actions:
            # Nobody can dispute a score any more.
            self._evidence.remove(campaign.id)
        return actions

    def _prepare(self, campaign: bytes, move: str, anchor: bytes, **arguments: bytes | int | str) -> Prepared:
        plain = {name: value.hex() if isinstance(value, bytes) else value for name, value in arguments.items()}
        prepared = Prepared(campaign, move, anchor, plain)
        self._state.prepare(prepared)
        return prepared


def _bytes(prepared: Prepared, name: str) -> bytes:
    return bytes.fromhex(str(prepared.arguments[name]))
