"""The Capsule's OpenPGP identity: bundles and validation sets are sealed to it, and it signs deliveries.

It holds the current key and the retired ones: a Campaign keeps the certificates that were announced when it was opened,
to its end. All keys are one OpenPGP keyring in one vault, the current key first, so that a key is added or removed in a
single step.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from ape_capsule.errors import (
    IdentityExistsError,
    IdentityMissingError,
    KeyNotHeldError,
    KeyNotRetiredError,
    TooManyKeysError,
)
from sonar_core.crypto import vault
from sonar_core.crypto.certificates import LARGEST_KEYRING, Certificate, Key, format_keyring, format_keys, parse_keys
from sonar_core.crypto.sealed_messages import seal, sign, unseal, unseal_anonymous, unsealing_key

_FILE = "identity.vault"
_PURPOSE = "capsule-identity"


class Identity:
    """The Capsule's OpenPGP key pairs; their secret halves are stored in a vault in the home.

    Args:
        key: the current one.
        retired: the former ones, the newest first.
    """

    def __init__(self, key: Key, *retired: Key) -> None:
        self._keys = (key, *retired)

    @classmethod
    def create(cls, home: Path, user_id: str, passphrase: str, *, cost: int = vault.COST) -> Self:
        """Makes an identity with a fresh key.

        Raises:
            IdentityExistsError: the home has an identity.
            CertificateError: `user_id` is not one line of 1 to 256 characters.
        """
        path = home / _FILE
        if path.exists():
            raise IdentityExistsError(path)
        identity = cls(Key.generate(user_id))
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        identity._write(home, passphrase, cost, replace=False)
        return identity

    @classmethod
    def load(cls, home: Path, passphrase: str) -> Self:
        """The identity in a home.

        Raises:
            IdentityMissingError: the home has no identity.
            VaultError: the passphrase is wrong, or the file damaged.
            CertificateError: one of its keys can no longer sign and decrypt.
        """
        require_identity(home)
        return cls(*parse_keys(vault.read(home / _FILE, passphrase, purpose=_PURPOSE)))

    # ------------------------------------------------------------------ keys

    @property
    def certificate(self) -> Certificate:
        """The public half of the current key."""
        return self._keys[0].certificate

    @property
    def retired(self) -> tuple[Certificate, ...]:
        """The public halves of the retired keys, the newest first."""
        return self.certificates[1:]

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """All public halves, the current one first."""
        return tuple(key.certificate for key in self._keys)

    def ring(self) -> bytes:
        """The ring to announce: the current certificate alone."""
        return format_keyring([self.certificate])

    def our_newest_in(self, ring: Sequence[Certificate]) -> Certificate | None:
        """The identity's newest certificate in a ring, if any."""
        names = {certificate.fingerprint for certificate in ring}
        return next((certificate for certificate in self.certificates if certificate.fingerprint in names), None)

    def with_new_key(self, user_id: str) -> Self:
        """The identity with a fresh key, which the former current key certifies; not yet written to disk.

        Raises:
            TooManyKeysError: the identity is full.
            CertificateError: `user_id` is not one line of 1 to 256 characters.
        """
        if len(self._keys) >= LARGEST_KEYRING:
            raise TooManyKeysError(len(self._keys))
        return type(self)(Key.generate(user_id).certified_by(self._keys[0]), *self._keys)

    def without_key(self, fingerprint: str) -> Self:
        """The identity without one of its retired keys; not yet written to disk.

        Raises:
            KeyNotHeldError: the identity has no such key.
            KeyNotRetiredError: it is the current key.
        """
        key = self._key(fingerprint)
        if key is self._keys[0]:
            raise KeyNotRetiredError(fingerprint)
        return type(self)(*(one for one in self._keys if one is not key))

    def keep(self, home: Path, passphrase: str, *, cost: int = vault.COST) -> None:
        """Replaces the home's keys by these, durably, all or none. Raises OSError."""
        self._write(home, passphrase, cost, replace=True)

    def _write(self, home: Path, passphrase: str, cost: int, *, replace: bool) -> None:
        secret = format_keys(self._keys)
        vault.write(home / _FILE, secret, passphrase, purpose=_PURPOSE, cost=cost, replace=replace)

    def _key(self, fingerprint: str) -> Key:
        for key in self._keys:
            if key.fingerprint == fingerprint:
                return key
        raise KeyNotHeldError(fingerprint)

    # ------------------------------------------------------------------ sealing and signing

    def unseal(self, message: bytes, *, signers: Sequence[Certificate], limit: int) -> bytes:
        """Unseals a message to the Capsule that one of `signers` signed. Raises SealError."""
        return unseal(message, self._keys, signers=signers, limit=limit)

    def unseal_bundle(self, message: bytes, *, limit: int) -> bytes:
        """Unseals a Mine's bundle, which nobody signs. Raises SealError."""
        return unseal_anonymous(message, self._keys, limit=limit)

    def unsealing_key(self, message: bytes, *, limit: int) -> Certificate:
        """The identity's newest certificate that a message is sealed to. Raises SealError."""
        return unsealing_key(message, self._keys, limit=limit).certificate

    def seal_to(self, data: bytes, recipient: Certificate, *, signer: Certificate | None = None) -> bytes:
        """Seals a message, signed by the key of `signer` (default: the current key). Raises KeyNotHeldError."""
        return seal(data, [recipient], signer=self._signer(signer))

    def sign(self, statement: bytes, *, signer: Certificate | None = None) -> bytes:
        """A detached, armoured signature by the key of `signer`. Raises CertificateError, KeyNotHeldError."""
        return sign(statement, self._signer(signer))

    def seal_to_self(self, data: bytes) -> bytes:
        """Seals what the Capsule keeps for itself alone."""
        return self.seal_to(data, self.certificate)

    def unseal_own(self, message: bytes, *, limit: int) -> bytes:
        """Unseals what `seal_to_self` sealed, under the current key or a retired one. Raises SealError."""
        return self.unseal(message, signers=self.certificates, limit=limit)

    def _signer(self, certificate: Certificate | None) -> Key:
        return self._key(certificate.fingerprint) if certificate else self._keys[0]


def require_identity(home: Path) -> None:
    """Raises IdentityMissingError if there is no Capsule in this home."""
    if not (home / _FILE).exists():
        raise IdentityMissingError(home / _FILE)
