"""Rotation of the Capsule's OpenPGP key, and removal of a retired key that nobody needs any more.

A key is on disk before anybody can seal to it, and is removed after everything sealed to it alone was sealed anew. So a
process that is killed anywhere is started again: the ring on chain says how far the last one came.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from pathlib import Path

from ape_capsule.errors import NotAnnouncedError, RetiredKeyInUseError, StillAnnouncedError
from ape_capsule.home.paths import EVIDENCE_FOLDER, WEIGHTS_FOLDER
from ape_capsule.home.sealed_files import SealedFiles
from ape_capsule.keys.announced_certificates import KeyNeed, our_certificate_in
from ape_capsule.keys.openpgp_identity import Identity
from ape_capsule.maintenance.backup import no_backup
from ape_capsule.moves.announce import announce
from sonar_core.chain.contracts import Receipt, SonarContracts
from sonar_core.crypto import vault
from sonar_core.crypto.certificates import Certificate
from sonar_core.store import BlobStore


class RotationPhase(Enum):
    """The next phase of a rotation: make a new key and announce it, or only announce the key that is on disk."""

    REPLACE = "replace"
    ANNOUNCE = "announce"


def announced_by(chain: SonarContracts, store: BlobStore, identity: Identity) -> Certificate:
    """The identity's certificate to which new Campaigns are sealed.

    Raises:
        NotAnnouncedError: the account has announced no certificate.
        RingNotHeldError: it has announced another home's.
        StoreError, BlobError: its ring cannot be read.
    """
    address = chain.certificates_of(chain.sender)
    if not any(address):
        raise NotAnnouncedError(chain.sender)
    return our_certificate_in(identity, store, address)


def next_phase(identity: Identity, announced: Certificate) -> RotationPhase:
    """The phase in which `rotate` starts: a current key that is not announced was left by a rotation cut short."""
    is_current = announced.fingerprint == identity.certificate.fingerprint
    return RotationPhase.REPLACE if is_current else RotationPhase.ANNOUNCE


def rotate(
    chain: SonarContracts,
    store: BlobStore,
    home: Path,
    passphrase: str,
    identity: Identity,
    *,
    user_id: str | None = None,
    cost: int = vault.COST,
) -> tuple[Identity, Receipt]:
    """Makes a fresh key the current one and announces it on the same terms, or finishes a rotation cut short.

    The caller holds the lock on the home.

    Args:
        chain: as the Capsule's account.
        store: where the ring is published.
        home: of the Capsule.
        passphrase: of its vaults.
        identity: of the home.
        user_id: of the new certificate; None: as before.
        cost: scrypt's n.

    Returns:
        The new identity, and the receipt of its announcement.

    Raises:
        NotAnnouncedError, RingNotHeldError: the account has announced no key of this home.
        TooManyKeysError: forget retired keys first.
        ChainError, StoreError, OSError: the rotation was cut short; another call finishes it.
    """
    if next_phase(identity, announced_by(chain, store, identity)) is RotationPhase.REPLACE:
        identity = identity.with_new_key(user_id or identity.certificate.user_ids[0])
        identity.keep(home, passphrase, cost=cost)
    # No offers: the terms per currency stay as they are.
    return identity, announce(chain, store, identity, chain.capsule_terms(chain.sender), [])


def without_key(identity: Identity, fingerprint: str, *, announced: Certificate, needed: Iterable[KeyNeed]) -> Identity:
    """The identity without a retired key that nobody needs; not yet written to disk.

    Args:
        identity: of the home.
        fingerprint: of the retired key.
        announced: the certificate to which new Campaigns are sealed.
        needed: the keys that Campaigns need which are not over.

    Raises:
        KeyNotHeldError, KeyNotRetiredError: it is no retired key of this Capsule.
        StillAnnouncedError, RetiredKeyInUseError: the key is needed.
    """
    rest = identity.without_key(fingerprint)
    if announced.fingerprint == fingerprint:
        raise StillAnnouncedError(fingerprint)
    if campaigns := [need.campaign for need in needed if fingerprint in need.keys]:
        raise RetiredKeyInUseError(fingerprint, campaigns)
    return rest


def forget(
    home: Path, passphrase: str, identity: Identity, rest: Identity, fingerprint: str, *, cost: int = vault.COST
) -> int:
    """Removes a retired key for good; files of the home that are sealed to it alone are sealed anew first.

    The caller holds the lock on the home.

    Args:
        home: of the Capsule.
        passphrase: of its vaults.
        identity: of the home.
        rest: what `without_key` returned for `fingerprint`.
        fingerprint: of the retired key.
        cost: scrypt's n.

    Returns:
        Number of files that were sealed anew.

    Raises:
        SealError, OSError: the removal was cut short; another call finishes it.
    """
    folders = (WEIGHTS_FOLDER, EVIDENCE_FOLDER)
    with no_backup(home):  # a backup of old files and new keys could not unseal all of them
        resealed = sum(SealedFiles(home / folder, identity).reseal(fingerprint) for folder in folders)
        rest.keep(home, passphrase, cost=cost)
    return resealed
