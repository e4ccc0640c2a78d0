"""What every move of the Capsule works with: its chain, store, keys and files, and a Campaign's material."""

from __future__ import annotations

from collections.abc import Iterable

from ape_capsule.errors import CampaignRefusedError, HeadMissingError, KeyDestroyedError
from ape_capsule.home.plaintext_weights import PlaintextWeights
from ape_capsule.home.score_evidence import ScoreEvidence
from ape_capsule.home.sealed_files import SealedFiles
from ape_capsule.home.state import CapsuleJournal
from ape_capsule.keys.announced_certificates import held_in
from ape_capsule.keys.openpgp_identity import Identity
from ape_capsule.keys.paillier_keystore import Keystore
from ape_capsule.keys.warrant_log import Kind, Warrant, WarrantLog
from ape_capsule.moves.campaign_inputs import CampaignInputs, read_campaign_inputs
from ape_capsule.scoring.worker_pool import WorkerPool
from sonar_core.chain.contracts import SonarContracts
from sonar_core.crypto.certificates import Certificate
from sonar_core.protocol.commitments import tensor_root
from sonar_core.protocol.ledger import CampaignState, Ledger
from sonar_core.protocol.structs import EMPTY_BYTES32
from sonar_core.service.observer import Observer
from sonar_core.store import BlobStore
from sonar_core.store.artifacts import read_tensor
from syft.paillier import EncryptedTensor, IntegerTensor, Openings, Packing, PrivateContext, unpack


class CapsuleContext:
    """The tools of one Capsule. Decides nothing.

    Attributes:
        chain: as the Capsule's account.
        store: where blobs are.
        identity, state: of the Capsule's home.
        keystore: key pairs.
        heads: weights in the clear.
        workers: where Gradients are weighed.
        observer: who watches.
    """

    def __init__(
        self,
        chain: SonarContracts,
        store: BlobStore,
        *,
        identity: Identity,
        keystore: Keystore,
        warrants: WarrantLog,
        state: CapsuleJournal,
        heads: SealedFiles,
        evidence: SealedFiles,
        workers: WorkerPool,
        observer: Observer,
    ) -> None:
        self.chain, self.store = chain, store
        self.identity, self.state = identity, state
        self.keystore = keystore
        self.heads = PlaintextWeights(heads)
        self.workers, self.observer = workers, observer
        self._warrants, self._evidence = warrants, evidence
        self._materials: dict[bytes, CampaignInputs] = {}

    # ------------------------------------------------------------------ a Campaign's material

    def material(self, campaign: CampaignState, ledger: Ledger) -> CampaignInputs:
        """Spec, Model and validation set. Raises as `read_campaign_inputs`."""
        if campaign.id not in self._materials:
            parent = self._parent_weights(campaign, ledger)
            self._materials[campaign.id] = read_campaign_inputs(self.store, self.identity, campaign.terms, parent)
        return self._materials[campaign.id]

    def forget(self, campaign: bytes) -> None:
        """Lets go of what a settled Campaign took of memory, and of the evidence that nobody can ask for any more."""
        self._materials.pop(campaign, None)
        self.keystore.close(campaign)
        self._evidence.remove(campaign)

    def context(self, campaign: CampaignState) -> PrivateContext:
        """The Campaign's key pair. Raises as `Keystore.get`."""
        return self.keystore.get(campaign.id)

    def signer(self, campaign: CampaignState) -> Certificate:
        """By which certificate the Campaign knows this Capsule. Raises RingNotHeldError, StoreError, BlobError."""
        return held_in(self.identity, self.store, campaign.certificates)

    def packing(self, campaign: CampaignState, material: CampaignInputs) -> Packing:
        """How the Campaign's Model is packed."""
        return material.model.fixed_point.packing(material.spec.key_bits, material.model.shape)

    def weights(self, campaign: CampaignState) -> IntegerTensor:
        """The head's weights in the clear; decrypted anew, under a warrant, where they are not kept any more.

        Raises:
            HeadMissingError: they are not kept, and their Model has not its confirmations.
            KeyDestroyedError: they are not kept, and cannot be decrypted.
        """
        try:
            return self.heads.take(campaign.id, campaign.model.root)
        except HeadMissingError:
            if self.state.maker_of(campaign.id, campaign.model.root) == EMPTY_BYTES32:
                raise
        head = self.encrypted_head(campaign)
        weights = unpack(self.open_head(campaign, head).plaintexts, head)
        self.heads.keep(campaign.id, campaign.model.root, weights)
        return weights

    def encrypted_head(self, campaign: CampaignState) -> EncryptedTensor:
        """The head's ciphertexts, from the store. Raises as `read_tensor`."""
        return read_tensor(self.store, campaign.model.address, campaign.model.root, self.context(campaign))

    def _parent_weights(self, campaign: CampaignState, ledger: Ledger) -> IntegerTensor | None:
        if campaign.terms.parent == EMPTY_BYTES32:
            return None
        parent = ledger.campaign(campaign.terms.parent)
        if parent.scientist != campaign.scientist or parent.terms.capsule != campaign.terms.capsule:
            raise CampaignRefusedError("the parent is a Campaign of another Data Scientist or Capsule")
        try:
            return self.weights(parent)
        except (HeadMissingError, KeyDestroyedError):
            raise CampaignRefusedError("the parent's weights are not kept here any more") from None

    # ------------------------------------------------------------------ decrypting, with a warrant

    def warrant_gradient(self, campaign: CampaignState, number: int, gradient: EncryptedTensor) -> None:
        """Writes the warrant for a registered Gradient, which may be opened from now on. Raises WarrantRefusedError."""
        transaction = self.state.submission_of(campaign.id, number)
        self._grant(Warrant(campaign.id, Kind.GRADIENT, number, tensor_root(gradient), transaction))

    def open_head(self, campaign: CampaignState, head: EncryptedTensor) -> Openings:
        """Openings of the head, after the warrant for them is on disk. Raises WarrantRefusedError."""
        transaction = self.state.maker_of(campaign.id, campaign.model.root)
        self._grant(Warrant(campaign.id, Kind.MODEL, campaign.model.version, campaign.model.root, transaction))
        return self.context(campaign).open(head)

    def _grant(self, warrant: Warrant) -> None:
        now = self.chain.timestamp()
        newest = self._warrants.newest(warrant.campaign, warrant.kind)
        if newest is not None and not self._stands(newest):
            self._warrants.rewound(warrant.campaign, self.chain.newest_block(), now)
        self._warrants.grant(warrant, now)

    def _stands(self, warrant: Warrant) -> bool:
        """Whether the chain still says what a warrant was granted for; if not, a reorganisation took it back."""
        if warrant.kind is Kind.GRADIENT:
            return self.state.submission_of(warrant.campaign, warrant.number) == warrant.transaction
        return self.state.maker_of(warrant.campaign, warrant.root) == warrant.transaction

    # ------------------------------------------------------------------ what is kept and published

    def keep_evidence(
        self, campaign: CampaignState, name: str, evidence: ScoreEvidence, material: CampaignInputs
    ) -> bytes:
        """Keeps evidence, sealed to the Capsule itself, durably; its root."""
        context = self.context(campaign)
        self._evidence.keep(campaign.id, f"{name}.sealed", evidence.to_bytes(context))
        return evidence.root(context, material.validation.salts)

    def pin(self, blobs: Iterable[tuple[bytes, int]]) -> None:
        """Keeps others' blobs, given with size limits, in this Capsule's own store. Raises StoreError, BlobError."""
        for address, limit in blobs:
            self.store.pin(address, limit=limit)
