"""Homomorphic key pairs, one a Campaign, at rest in vaults alone."""

from __future__ import annotations

import json
from pathlib import Path

from phe import PaillierPrivateKey, PaillierPublicKey

from ape_sonar import vault
from ape_sonar.files import write_atomically
from syft.errors import SyftError
from syft.paillier import PrivateContext, generate_paillier_keypair

from .errors import KeyDestroyedError, KeyFileCorruptError, KeyMissingError


class Keystore:
    """A folder with one vault for each Campaign's key pair.

    Args:
        folder: made when missing.
        passphrase: of all its vaults.
        cost: scrypt's n for new vaults.
    """

    def __init__(self, folder: Path, passphrase: str, *, cost: int = vault.COST) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder, self._passphrase, self._cost = folder, passphrase, cost
        self._open: dict[bytes, PrivateContext] = {}

    def create(self, campaign: bytes, bits: int) -> PrivateContext:
        """The Campaign's key pair; a fresh one of `bits` bits the first time only.

        Raises:
            KeyDestroyedError: it had one.
            VaultError, KeyFileCorruptError: it has one that cannot be read.
        """
        path = self._path(campaign)
        if not path.exists():
            self._require_kept(campaign)
            _, private_key = generate_paillier_keypair(bits)
            context = PrivateContext(private_key)
            vault.write(path, _to_bytes(context), self._passphrase, purpose=_purpose(campaign), cost=self._cost)
        return self.get(campaign)

    def get(self, campaign: bytes) -> PrivateContext:
        """The Campaign's key pair.

        Raises:
            KeyMissingError, KeyDestroyedError: there is none (any more).
            VaultError, KeyFileCorruptError: it cannot be read.
        """
        if campaign not in self._open:
            path = self._path(campaign)
            self._require_kept(campaign)
            if not path.exists():
                raise KeyMissingError(campaign, path)
            secret = vault.read(path, self._passphrase, purpose=_purpose(campaign))
            self._open[campaign] = _from_bytes(secret, path)
        return self._open[campaign]

    def _require_kept(self, campaign: bytes) -> None:
        if _note_of(self._folder, campaign).exists():
            raise KeyDestroyedError(campaign)

    def _path(self, campaign: bytes) -> Path:
        return _vault_of(self._folder, campaign)


def has_key(folder: Path, campaign: bytes) -> bool:
    """Whether a keystore's folder holds a Campaign's key pair."""
    return _vault_of(folder, campaign).exists()


def destroy_key(folder: Path, campaign: bytes) -> None:
    """Removes a Campaign's key pair from a keystore's folder for good; a note that it did stays.

    No process may have the keystore open. Doing it again changes nothing.

    Raises:
        KeyMissingError: there never was one.
        OSError: it cannot be removed.
    """
    path, note = _vault_of(folder, campaign), _note_of(folder, campaign)
    if not path.exists() and not note.exists():
        raise KeyMissingError(campaign, path)
    write_atomically(note, b"")
    path.unlink(missing_ok=True)


def _vault_of(folder: Path, campaign: bytes) -> Path:
    return folder / f"{campaign.hex()}.vault"


def _note_of(folder: Path, campaign: bytes) -> Path:
    return folder / f"{campaign.hex()}.destroyed"


def _purpose(campaign: bytes) -> str:
    return f"capsule-campaign-key:{campaign.hex()}"


def _to_bytes(context: PrivateContext) -> bytes:
    key = context.private_key
    return json.dumps({"h": hex(context.h), "p": hex(key.p), "q": hex(key.q)}, sort_keys=True).encode()


def _from_bytes(secret: bytes, path: Path) -> PrivateContext:
    try:
        numbers = {name: int(value, 16) for name, value in json.loads(secret).items()}
        p, q = numbers["p"], numbers["q"]
        private_key = PaillierPrivateKey(PaillierPublicKey(p * q), p, q)
        return PrivateContext(private_key, numbers["h"])
    except (ValueError, KeyError, TypeError, AttributeError, SyftError) as error:
        raise KeyFileCorruptError(path, str(error)) from None
