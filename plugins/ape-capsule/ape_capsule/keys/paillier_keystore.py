"""The Campaigns' Paillier key pairs, each stored in a vault of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from cachetools import LRUCache
from phe import PaillierPrivateKey, PaillierPublicKey

from ape_capsule.errors import KeyDestroyedError, KeyFileCorruptError, KeyMissingError
from sonar_core.base.atomic_files import write_atomically
from sonar_core.crypto import vault
from syft.errors import SyftError
from syft.paillier import PrivateContext, generate_paillier_keypair

#: Contexts in memory. One of 2048 bits with its encryption tables takes 7 MB, and a millisecond to rebuild.
_CONTEXTS_KEPT = 16


@dataclass(frozen=True, slots=True)
class _Secret:
    private_key: PaillierPrivateKey
    h: int

    def context(self) -> PrivateContext:
        return PrivateContext(self.private_key, self.h)


class Keystore:
    """A folder with one vault per Campaign.

    Args:
        folder: made if it is missing.
        passphrase: of all its vaults.
        cost: scrypt's n for new vaults.
    """

    def __init__(self, folder: Path, passphrase: str, *, cost: int = vault.COST) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder, self._passphrase, self._cost = folder, passphrase, cost
        self._secrets: dict[bytes, _Secret] = {}
        self._contexts: LRUCache[bytes, PrivateContext] = LRUCache(_CONTEXTS_KEPT)

    def create(self, campaign: bytes, bits: int) -> PrivateContext:
        """The Campaign's key pair; the first call makes one with a modulus of `bits` bits.

        Raises:
            KeyDestroyedError: the Campaign's key pair was destroyed.
            VaultError, KeyFileCorruptError: its vault cannot be read.
        """
        path = self._path(campaign)
        if not path.exists():
            self._require_kept(campaign)
            _, private_key = generate_paillier_keypair(bits)
            secret = _Secret(private_key, int(PrivateContext(private_key).h))
            vault.write(path, _to_bytes(secret), self._passphrase, purpose=_purpose(campaign), cost=self._cost)
        return self.get(campaign)

    def get(self, campaign: bytes) -> PrivateContext:
        """The Campaign's key pair.

        Raises:
            KeyMissingError, KeyDestroyedError: there is none (any more).
            VaultError, KeyFileCorruptError: its vault cannot be read.
        """
        if campaign not in self._secrets:
            path = self._path(campaign)
            self._require_kept(campaign)
            if not path.exists():
                raise KeyMissingError(campaign, path)
            self._secrets[campaign] = _from_bytes(vault.read(path, self._passphrase, purpose=_purpose(campaign)), path)
        if campaign not in self._contexts:
            self._contexts[campaign] = self._secrets[campaign].context()
        return self._contexts[campaign]

    def close(self, campaign: bytes) -> None:
        """Frees the memory of a Campaign's key pair; the next `get` reads it again."""
        self._secrets.pop(campaign, None)
        self._contexts.pop(campaign, None)

    def _require_kept(self, campaign: bytes) -> None:
        if _mark_of(self._folder, campaign).exists():
            raise KeyDestroyedError(campaign)

    def _path(self, campaign: bytes) -> Path:
        return _vault_of(self._folder, campaign)


def has_key(folder: Path, campaign: bytes) -> bool:
    """Whether a keystore's folder holds a Campaign's key pair."""
    return _vault_of(folder, campaign).exists()


def destroy_key(folder: Path, campaign: bytes) -> None:
    """Removes a Campaign's key pair from a keystore's folder for good, and leaves a mark that it was destroyed.

    No process may have the keystore open. The function is idempotent.

    Raises:
        KeyMissingError: there never was a key pair.
        OSError: it cannot be removed.
    """
    path, mark = _vault_of(folder, campaign), _mark_of(folder, campaign)
    if not path.exists() and not mark.exists():
        raise KeyMissingError(campaign, path)
    write_atomically(mark, b"")
    path.unlink(missing_ok=True)


def _vault_of(folder: Path, campaign: bytes) -> Path:
    return folder / f"{campaign.hex()}.vault"


def _mark_of(folder: Path, campaign: bytes) -> Path:
    return folder / f"{campaign.hex()}.destroyed"


def _purpose(campaign: bytes) -> str:
    return f"capsule-campaign-key:{campaign.hex()}"


def _to_bytes(secret: _Secret) -> bytes:
    key = secret.private_key
    return json.dumps({"h": hex(secret.h), "p": hex(key.p), "q": hex(key.q)}, sort_keys=True).encode()


def _from_bytes(data: bytes, path: Path) -> _Secret:
    try:
        numbers = {name: int(value, 16) for name, value in json.loads(data).items()}
        p, q = numbers["p"], numbers["q"]
        secret = _Secret(PaillierPrivateKey(PaillierPublicKey(p * q), p, q), numbers["h"])
        secret.context()  # raises what is wrong with them
        return secret
    except (ValueError, KeyError, TypeError, AttributeError, SyftError) as error:
        raise KeyFileCorruptError(path, str(error)) from None
