"""By which certificates others know the Capsule, and which Campaigns still need which of its OpenPGP keys."""

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
    """A Campaign that is not over, and what it needs of the Capsule's identity.

    Attributes:
        campaign: id.
        status: of now.
        keys: fingerprints of the keys held here that it may need.
        is_held: whether one of them is in the ring that it knows the Capsule by.
    """

    campaign: bytes
    status: Status
    keys: frozenset[str]
    is_held: bool = True


def held_in(identity: Identity, store: BlobStore, address: bytes) -> Certificate:
    """The newest certificate of the identity's that is in the ring at `address`.

    The store is asked only where that is no ring of one of them alone: a delivery does not hang on it.

    Raises:
        RingNotHeldError: there is none.
        StoreError, BlobError, CertificateError: the ring cannot be read.
    """
    for certificate in identity.certificates:
        if store.address_of(format_keyring([certificate])) == address:
            return certificate
    ring = read_keyring(store, address)
    found = identity.among(ring)
    if found is None:
        raise RingNotHeldError([certificate.fingerprint for certificate in ring])
    return found


def needs(identity: Identity, store: BlobStore, campaigns: Iterable[CampaignState], now: int) -> Iterator[KeyNeed]:
    """What each Campaign that is not over needs.

    Raises:
        StoreError, BlobError, CertificateError: a ring of several certificates, or a stranger's, cannot be read.
    """
    for campaign in campaigns:
        if over_since(campaign, now) is not None:
            continue
        status = campaign.status(now)
        try:
            keys = _needed(identity, store, campaign, status)
        except RingNotHeldError:
            yield KeyNeed(campaign.id, status, _opener(identity, store, campaign), is_held=False)
        else:
            yield KeyNeed(campaign.id, status, keys)


def _needed(identity: Identity, store: BlobStore, campaign: CampaignState, status: Status) -> frozenset[str]:
    if status is Status.REQUESTED:
        return _all(identity)  # its ring is not settled yet, and what it was sealed to may be older
    # It may have been sealed to one ring, and opened under the next.
    signer = held_in(identity, store, campaign.certificates)
    return _opener(identity, store, campaign) | {signer.fingerprint}


def _opener(identity: Identity, store: BlobStore, campaign: CampaignState) -> frozenset[str]:
    """The key that opens the validation set; any of them where that cannot be told."""
    if not identity.retired:
        return _all(identity)
    try:
        sealed = store.get(campaign.terms.validation, limit=LARGEST_VALIDATION)
        return frozenset({identity.unsealing_key(sealed, limit=LARGEST_VALIDATION).fingerprint})
    except (StoreError, SealError):
        return _all(identity)


def _all(identity: Identity) -> frozenset[str]:
    return frozenset(certificate.fingerprint for certificate in identity.certificates)
