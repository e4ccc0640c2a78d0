"""The certificates by which others know the Capsule, and the OpenPGP keys that unfinished Campaigns need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ape_capsule.errors import RingNotHeldError
from ape_capsule.keys.openpgp_identity import Identity
from sonar_core.crypto.certificates import Certificate, format_keyring
from sonar_core.crypto.sealed_messages import SealError
from sonar_core.protocol.ledger import CampaignState
from sonar_core.protocol.structs import Status
from sonar_core.service.blob_retention import over_since
from sonar_core.store import BlobStore, StoreError
from sonar_core.store.artifacts import LARGEST_VALIDATION, read_keyring


@dataclass(frozen=True, slots=True)
class KeyNeed:
    """The OpenPGP keys that a Campaign needs until it is over.

    Attributes:
        campaign: id.
        status: at present.
        keys: fingerprints of the keys in this home that it may need.
        is_held: whether one of them is in the ring by which it knows the Capsule.
    """

    campaign: bytes
    status: Status
    keys: frozenset[str]
    is_held: bool = True


def our_certificate_in(identity: Identity, store: BlobStore, address: bytes) -> Certificate:
    """The identity's newest certificate in the ring at `address`.

    A ring of one certificate is recognised by its address, so that a delivery does not depend on the store.

    Raises:
        RingNotHeldError: none of them is in the ring.
        StoreError, BlobError, CertificateError: the ring cannot be read.
    """
    for certificate in identity.certificates:
        if store.address_of(format_keyring([certificate])) == address:
            return certificate
    ring = read_keyring(store, address)
    found = identity.our_newest_in(ring)
    if found is None:
        raise RingNotHeldError([certificate.fingerprint for certificate in ring])
    return found


def key_needs(identity: Identity, store: BlobStore, campaigns: Iterable[CampaignState], now: int) -> Iterator[KeyNeed]:
    """The keys that each Campaign needs which is not over.

    Raises:
        StoreError, BlobError, CertificateError: a ring of several certificates, or a stranger's, cannot be read.
    """
    for campaign in campaigns:
        if over_since(campaign, now) is not None:
            continue
        status = campaign.status(now)
        try:
            keys = _needed_keys(identity, store, campaign, status)
        except RingNotHeldError:
            yield KeyNeed(campaign.id, status, _unsealing_keys(identity, store, campaign), is_held=False)
        else:
            yield KeyNeed(campaign.id, status, keys)


def _needed_keys(identity: Identity, store: BlobStore, campaign: CampaignState, status: Status) -> frozenset[str]:
    if status is Status.REQUESTED:
        return _all(identity)  # its ring is not fixed yet, and its validation set may be sealed to an older one
    # Its validation set may be sealed to one ring while it was opened under the next.
    signer = our_certificate_in(identity, store, campaign.certificates)
    return _unsealing_keys(identity, store, campaign) | {signer.fingerprint}


def _unsealing_keys(identity: Identity, store: BlobStore, campaign: CampaignState) -> frozenset[str]:
    """Fingerprint of the key that unseals the validation set, or all fingerprints if it cannot be determined."""
    if not identity.retired:
        return _all(identity)
    try:
        sealed = store.get(campaign.terms.validation, limit=LARGEST_VALIDATION)
        return frozenset({identity.unsealing_key(sealed, limit=LARGEST_VALIDATION).fingerprint})
    except (StoreError, SealError):
        return _all(identity)


def _all(identity: Identity) -> frozenset[str]:
    return frozenset(certificate.fingerprint for certificate in identity.certificates)
