"""Replacing the Capsule's OpenPGP key, and forgetting the replaced one once nobody needs it.

A key is on disk before anybody can seal to it, and off it after the last thing that it opens was sealed anew. So a
process that is killed anywhere is simply started again: what is on chain says how far the last one came.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from pathlib import Path

from ape_capsule.errors import NotAnnouncedError, RetiredKeyInUseError, StillAnnouncedError
from ape_capsule.home.sealed_files import SealedFiles
from ape_capsule.keys.announced_certificates import KeyNeed, held_in
from ape_capsule.keys.openpgp_identity import Identity
from ape_capsule.maintenance.backup import no_backup
from ape_capsule.service import EVIDENCE_FOLDER, HEADS_FOLDER, announce
from sonar_core.chain.contracts import Receipt, SonarContracts
from sonar_core.crypto import vault
from sonar_core.crypto.certificates import Certificate
from sonar_core.store import BlobStore


class RotationPhase(Enum):
    """What is left of a rotation: all of it, or its announcement."""

    REPLACE = "replace"
    ANNOUNCE = "announce"


def announced_by(chain: SonarContracts, store: BlobStore, identity: Identity) -> Certificate:
    """Which of the identity's certificates new Campaigns are sealed to.

    Raises:
        NotAnnouncedError: the account has announced none.
        RingNotHeldError: it has announced another home's.
        StoreError, BlobError: its ring cannot be read.
    """
    address = chain.certificates_of(chain.sender)
    if not any(address):
        raise NotAnnouncedError(chain.sender)
    return held_in(identity, store, address)


def next_step(identity: Identity, announced: Certificate) -> RotationPhase:
    """What `rotate` has to do: a key that rests here and is not announced is one that it was killed over."""
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
    """Puts a fresh key in the place of the current one, and announces it on the same terms; or finishes doing so.

    No other process may answer for the Capsule meanwhile.

    Args:
        identity: that of the home.
        user_id: of the new certificate; None: as before.

    Returns:
        The identity as it is now, and the receipt of its announcement.

    Raises:
        NotAnnouncedError, RingNotHeldError: there is nothing of this home's to replace.
        TooManyKeysError: retired ones must be forgotten first.
        ChainError, StoreError, OSError: cut short; done again it goes on.
    """
    if next_step(identity, announced_by(chain, store, identity)) is RotationPhase.REPLACE:
        identity = identity.succeeded(user_id or identity.certificate.user_ids[0])
        identity.keep(home, passphrase, cost=cost)
    # No offers: those that were made stay as they are.
    return identity, announce(chain, store, identity, chain.capsule_terms(chain.sender), [])


def without(identity: Identity, fingerprint: str, *, announced: Certificate, needed: Iterable[KeyNeed]) -> Identity:
    """The identity after a retired key of it is forgotten; it rests nowhere yet.

    Args:
        announced: which certificate new Campaigns are sealed to.
        needed: what the Campaigns need that are not over.

    Raises:
        KeyNotHeldError, KeyNotRetiredError: it is no retired key of this Capsule.
        StillAnnouncedError, RetiredKeyInUseError: it is needed.
    """
    rest = identity.without(fingerprint)
    if announced.fingerprint == fingerprint:
        raise StillAnnouncedError(fingerprint)
    if campaigns := [need.campaign for need in needed if fingerprint in need.keys]:
        raise RetiredKeyInUseError(fingerprint, campaigns)
    return rest


def forget(
    home: Path, passphrase: str, identity: Identity, rest: Identity, fingerprint: str, *, cost: int = vault.COST
) -> int:
    """Removes a retired key for good; what was sealed to it and is kept here is sealed to the current one first.

    No other process may answer for the Capsule meanwhile.

    Args:
        identity: that of the home.
        rest: what `without` gave for `fingerprint`.

    Returns:
        How many files were sealed anew.

    Raises:
        SealError, OSError: cut short; done again it goes on.
    """
    folders = (HEADS_FOLDER, EVIDENCE_FOLDER)
    with no_backup(home):  # one with files of before and keys of after would open half of itself
        resealed = sum(SealedFiles(home / folder, identity).reseal(fingerprint) for folder in folders)
        rest.keep(home, passphrase, cost=cost)
    return resealed
