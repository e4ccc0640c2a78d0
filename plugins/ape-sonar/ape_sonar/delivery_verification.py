"""Checks a delivery: every claim in it against the chain, and against the Data Scientist's own validation set."""

from __future__ import annotations

from collections.abc import Sequence

from ape_sonar.trained_model import TrainedModel
from sonar_core.base.errors import SonarError
from sonar_core.crypto.certificates import Key
from sonar_core.crypto.sealed_messages import unseal
from sonar_core.protocol.commitments import openings_root
from sonar_core.protocol.content_address import to_cid
from sonar_core.protocol.delivery import Delivery
from sonar_core.protocol.ledger import CampaignState
from sonar_core.protocol.structs import Status
from sonar_core.protocol.units import from_wad
from sonar_core.protocol.validation_set import ValidationSet
from sonar_core.store import BlobStore
from sonar_core.store.artifacts import (
    LARGEST_DELIVERY,
    read_frozen,
    read_keyring,
    read_public_key,
    read_spec,
    read_tensor,
    read_text_steps,
)
from syft import wire
from syft.errors import SyftError
from syft.paillier import unpack, verify_openings
from syft.texts import TextColumns


class NotDeliveredError(SonarError, LookupError):
    """The Campaign has no delivery: not yet, or never.

    Attributes:
        campaign: id.
    """

    def __init__(self, campaign: CampaignState) -> None:
        self.campaign = campaign.id
        recorded = campaign.recorded.name.lower()
        super().__init__(f"Campaign 0x{campaign.id.hex()} has no delivery: it is {recorded}")


class DeliveryFalseError(SonarError, ValueError):
    """The delivery is not the Model that was trained.

    Attributes:
        campaign: id.
        why: the check that failed.
    """

    def __init__(self, campaign: bytes, why: str) -> None:
        self.campaign, self.why = campaign, why
        super().__init__(
            f"the delivery of Campaign 0x{campaign.hex()} is false: {why}; take it to the Campaign's arbiter, "
            "while the audit window lasts"
        )


def open_delivery(store: BlobStore, keys: Sequence[Key], campaign: CampaignState, own: ValidationSet) -> TrainedModel:
    """Unseals a delivery, checks it, and returns the trained Model.

    Checks: the signature, by a certificate that was in force when the Campaign was opened; Campaign, version, Model
    and accuracy; the root of the openings; that every ciphertext of the newest Model holds the plaintext that its
    opening states; and that the Model has the accuracy on chain on the Data Scientist's own validation set.

    Args:
        store: where the blobs are.
        keys: OpenPGP keys of the Data Scientist; one of them unseals the delivery.
        campaign: the Campaign's state, from the ledger.
        own: the validation set that was sealed to the Capsule.

    Raises:
        NotDeliveredError: nothing was delivered.
        DeliveryFalseError: a check fails.
        StoreError, BlobError, SealError: the delivery cannot be fetched or unsealed.
    """
    if campaign.delivery == b"" or campaign.start is None:
        raise NotDeliveredError(campaign)
    ring = read_keyring(store, campaign.certificates)
    sealed = store.get(campaign.delivery, limit=LARGEST_DELIVERY)
    delivery = Delivery.from_bytes(unseal(sealed, keys, signers=ring, limit=LARGEST_DELIVERY))
    _check_header(campaign, delivery)
    spec = read_spec(store, campaign.terms.spec)
    start = campaign.start
    context = read_public_key(store, start.public_key, start.public_key_root, bits=spec.key_bits)
    head = read_tensor(store, campaign.model.address, campaign.model.root, context)
    try:
        openings = wire.loads_openings(delivery.openings, context)
        verify_openings(head, openings)
        weights = unpack(openings.plaintexts, head)
    except SyftError as error:
        raise DeliveryFalseError(campaign.id, str(error)) from None
    if openings_root(context, openings) != campaign.openings_root:
        raise DeliveryFalseError(campaign.id, "its openings are not those whose root is on chain")
    model = spec.model(read_frozen(store, spec)).with_weights(weights)
    measured = model.evaluate(own.rows, own.targets).accuracy
    if campaign.recorded is not Status.CONVICTED and measured != campaign.accuracy:
        measured_words = f"{from_wad(measured):.6f} on the validation set, not {from_wad(campaign.accuracy):.6f}"
        raise DeliveryFalseError(campaign.id, f"its accuracy is {measured_words}")
    steps = read_text_steps(store, spec)
    texts = {name: TextColumns.load(filled) for name, filled in steps.items()}
    return TrainedModel(model, spec.encoder(texts), from_wad(measured), steps)


def _check_header(campaign: CampaignState, delivery: Delivery) -> None:
    newest = campaign.model
    pairs = {
        "Campaign": (delivery.campaign.hex(), campaign.id.hex()),
        "version": (delivery.version, newest.version),
        "Model": (to_cid(delivery.model), to_cid(newest.address)),
    }
    if campaign.recorded is not Status.CONVICTED:
        pairs["accuracy"] = (delivery.accuracy, campaign.accuracy)
    for word, (found, expected) in pairs.items():
        if found != expected:
            raise DeliveryFalseError(campaign.id, f"it is for {word} {found}, not {expected}")
