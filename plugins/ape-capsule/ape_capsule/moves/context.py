"""The tools that every move works with: chain, store, keys and files of one Capsule."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ape_capsule.errors import CampaignRefusedError, HeadDiffersError, HeadMissingError, KeyDestroyedError
from ape_capsule.home.plaintext_weights import PlaintextWeights
from ape_capsule.home.score_evidence import ScoreEvidence
from ape_capsule.home.sealed_files import SealedFiles
from ape_capsule.home.state import CapsuleJournal
from ape_capsule.keys.announced_certificates import our_certificate_in
from ape_capsule.keys.openpgp_identity import Identity
from ape_capsule.keys.paillier_keystore import Keystore
from ape_capsule.keys.warranted_decryption import WarrantedDecryption
from ape_capsule.moves.campaign_inputs import CampaignInputs, read_campaign_inputs
from ape_capsule.scoring.worker_pool import WorkerPool
from sonar_core.chain.contracts import SonarContracts
from sonar_core.crypto.certificates import Certificate
from sonar_core.protocol.ledger import CampaignState, Ledger
from sonar_core.protocol.structs import EMPTY_BYTES32
from sonar_core.protocol.units import Currency, Money, money_of
from sonar_core.service.observer import Observer
from sonar_core.store import BlobStore
from sonar_core.store.artifacts import read_tensor
from syft.paillier import EncryptedTensor, IntegerTensor, Openings, unpack


@dataclass(frozen=True, slots=True, eq=False)
class CapsuleContext:
    """The tools of one Capsule; they decide nothing.

    Attributes:
        chain: the contracts, as the Capsule's account.
        store: where blobs are.
        identity: OpenPGP keys.
        keystore: the Campaigns' Paillier key pairs.
        decryption: the one way to decrypt.
        journal: prepared moves and confirmed events.
        weights: of the Models in the clear, sealed on disk.
        evidence: of the scores, sealed on disk.
        workers: processes that score.
        observer: is told of what is measured.
        tokens: the ERC-20s named in the settings.
    """

    chain: SonarContracts
    store: BlobStore
    identity: Identity
    keystore: Keystore
    decryption: WarrantedDecryption
    journal: CapsuleJournal
    weights: PlaintextWeights
    evidence: SealedFiles
    workers: WorkerPool
    observer: Observer
    tokens: tuple[Currency, ...] = ()
    _inputs: dict[bytes, CampaignInputs] = field(default_factory=dict, init=False, repr=False)

    # ------------------------------------------------------------------ one Campaign

    def inputs(self, campaign: CampaignState, ledger: Ledger) -> CampaignInputs:
        """The Campaign's spec, Model and validation set, read once. Raises as `read_campaign_inputs`."""
        if campaign.id not in self._inputs:
            parent = self._parent_weights(campaign, ledger)
            self._inputs[campaign.id] = read_campaign_inputs(self.store, self.identity, campaign.terms, parent)
        return self._inputs[campaign.id]

    def forget(self, campaign: bytes) -> None:
        """Frees the caches of a settled Campaign and deletes its evidence, which can no longer be audited."""
        self._inputs.pop(campaign, None)
        self.keystore.close(campaign)
        self.evidence.remove(campaign)

    def signer(self, campaign: CampaignState) -> Certificate:
        """The certificate by which the Campaign knows this Capsule. Raises RingNotHeldError, StoreError, BlobError."""
        return our_certificate_in(self.identity, self.store, campaign.certificates)

    def money(self, units: int, currency: str) -> Money:
        """An amount of smallest units in a currency, given by its address, for people."""
        return money_of(units, currency, self.tokens)

    # ------------------------------------------------------------------ the newest Model

    def encrypted_model(self, campaign: CampaignState) -> EncryptedTensor:
        """The newest Model's ciphertexts, from the store. Raises as `read_tensor`."""
        context = self.keystore.get(campaign.id)
        return read_tensor(self.store, campaign.model.address, campaign.model.root, context)

    def model_weights(self, campaign: CampaignState) -> IntegerTensor:
        """The newest Model's weights in the clear; decrypted anew, under a warrant, if they are not kept.

        Raises:
            HeadMissingError: they are not kept, and their Model lacks confirmations.
            KeyDestroyedError: they are not kept and cannot be decrypted.
        """
        try:
            return self.weights.take(campaign.id, campaign.model.root)
        except HeadMissingError:
            if self.journal.maker_of(campaign.id, campaign.model.root) == EMPTY_BYTES32:
                raise
        encrypted = self.encrypted_model(campaign)
        openings = self.decryption.open_model(campaign.id, campaign.model, encrypted)
        weights = unpack(openings.plaintexts, encrypted)
        self.weights.keep(campaign.id, campaign.model.root, weights)
        return weights

    def model_openings(self, campaign: CampaignState) -> Openings:
        """Openings of the newest Model, decrypted under a warrant and equal to the weights that were scored.

        Raises:
            HeadDiffersError: they are not equal.
            WarrantRefusedError: a newer Model was decrypted before.
        """
        encrypted = self.encrypted_model(campaign)
        openings = self.decryption.open_model(campaign.id, campaign.model, encrypted)
        if (unpack(openings.plaintexts, encrypted).values != self.model_weights(campaign).values).any():
            raise HeadDiffersError(campaign.id, campaign.model.version)
        return openings

    def _parent_weights(self, campaign: CampaignState, ledger: Ledger) -> IntegerTensor | None:
        if campaign.terms.parent == EMPTY_BYTES32:
            return None
        parent = ledger.campaign(campaign.terms.parent)
        if parent.scientist != campaign.scientist or parent.terms.capsule != campaign.terms.capsule:
            raise CampaignRefusedError("the parent is a Campaign of another Data Scientist or Capsule")
        try:
            return self.model_weights(parent)
        except (HeadMissingError, KeyDestroyedError):
            raise CampaignRefusedError("the parent's weights are not kept here any more") from None

    # ------------------------------------------------------------------ what is kept and pinned

    def keep_evidence(
        self, campaign: CampaignState, name: str, evidence: ScoreEvidence, inputs: CampaignInputs
    ) -> bytes:
        """Keeps evidence durably, sealed to the Capsule itself; returns its evidence root."""
        context = self.keystore.get(campaign.id)
        self.evidence.keep(campaign.id, f"{name}.sealed", evidence.to_bytes(context))
        return evidence.root(context, inputs.validation.salts)

    def pin(self, blobs: Iterable[tuple[bytes, int]]) -> None:
        """Keeps others' blobs, given with size limits, in this Capsule's own store. Raises StoreError, BlobError."""
        for address, limit in blobs:
            self.store.pin(address, limit=limit)
