"""The inputs of a Campaign: its spec, its Model, the hidden validation set, the Data Scientist's certificate."""

from __future__ import annotations

from dataclasses import dataclass

from ape_capsule.errors import CampaignRefusedError
from ape_capsule.keys.openpgp_identity import Identity
from sonar_core.base.errors import FormatError, one_line
from sonar_core.crypto.certificates import Certificate, CertificateError, parse_certificate
from sonar_core.crypto.sealed_messages import (
    MalformedMessageError,
    MessageTooLargeError,
    NoValidSignatureError,
    WrongKeyError,
)
from sonar_core.protocol.campaign_spec import LARGEST_SPEC, CampaignSpec
from sonar_core.protocol.scheme import SCHEME
from sonar_core.protocol.structs import Terms
from sonar_core.protocol.validation_set import ValidationSet
from sonar_core.store import BlobStore, BlobTooLargeError
from sonar_core.store.artifacts import LARGEST_VALIDATION, public_blobs, read_frozen, read_initial, read_spec
from syft.errors import SyftError
from syft.nn import Model
from syft.paillier import IntegerTensor, Packing

#: Errors of blobs that exist and break a rule: no other attempt makes them usable.
_UNUSABLE = (
    FormatError,
    CertificateError,
    SyftError,
    MalformedMessageError,
    WrongKeyError,
    NoValidSignatureError,
    MessageTooLargeError,
    BlobTooLargeError,
)


@dataclass(frozen=True, slots=True, eq=False)
class CampaignInputs:
    """Everything that the Data Scientist published for a Campaign, checked.

    Attributes:
        spec: the Campaign spec.
        model: its Syft Model with the weights that the Campaign starts from.
        validation: the hidden rows.
        scientist: the Data Scientist's OpenPGP certificate.
    """

    spec: CampaignSpec
    model: Model
    validation: ValidationSet
    scientist: Certificate

    @property
    def packing(self) -> Packing:
        """How the weights are packed into ciphertexts."""
        return self.model.fixed_point.packing(self.spec.key_bits, self.model.shape)

    @property
    def ciphertexts(self) -> int:
        """Number of ciphertexts of the Model, and of each Gradient."""
        features, outputs = self.model.shape
        return features * self.packing.plaintexts(outputs)


def read_campaign_inputs(
    store: BlobStore, identity: Identity, terms: Terms, parent: IntegerTensor | None
) -> CampaignInputs:
    """Fetches, unseals and checks the blobs that a Campaign's terms name.

    Args:
        store: where the blobs are.
        identity: the Capsule's, to which the validation set is sealed.
        terms: from the chain.
        parent: last weights of the parent Campaign; None without a parent.

    Raises:
        CampaignRefusedError: a blob exists and breaks a rule of the formats; nobody can run this Campaign.
        BlobNotFoundError, BlobCorruptError: a blob is not published (yet).
        StoreUnavailableError: the store does not answer.
        UnsealTimeoutError, UnsealProcessError: the validation set could not be unsealed this time.
    """
    if terms.scheme != SCHEME:
        raise CampaignRefusedError(f"scheme {terms.scheme} of the formats is not known here: use {SCHEME}")
    try:
        return _read(store, identity, terms, parent)
    except _UNUSABLE as error:
        raise CampaignRefusedError(one_line(error)) from error


def _read(store: BlobStore, identity: Identity, terms: Terms, parent: IntegerTensor | None) -> CampaignInputs:
    spec = read_spec(store, terms.spec)
    scientist = parse_certificate(spec.certificate.encode("ascii", "replace"))
    model = spec.initial_model(read_frozen(store, spec), read_initial(store, spec), parent)
    sealed = store.get(terms.validation, limit=LARGEST_VALIDATION)
    unsealed = identity.unseal(sealed, signers=[scientist], limit=LARGEST_VALIDATION)
    validation = ValidationSet.from_bytes(unsealed, spec.encoder())
    if validation.root() != terms.validation_root:
        raise CampaignRefusedError("the validation set is not the one whose root is on chain")
    return CampaignInputs(spec, model, validation, scientist)


def blobs_of(terms: Terms, spec: CampaignSpec) -> list[tuple[bytes, int]]:
    """Addresses and size limits of all blobs that `read_campaign_inputs` fetches; a Capsule pins its own copies."""
    blobs = {terms.spec: LARGEST_SPEC, terms.validation: LARGEST_VALIDATION, **public_blobs(spec)}
    return list(blobs.items())
