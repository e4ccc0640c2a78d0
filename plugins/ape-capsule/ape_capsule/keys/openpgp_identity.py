"""The Capsule's OpenPGP identity: bundles and validation sets are sealed to it, and it signs what it delivers.

It has one key that counts now, and those that were replaced by it: a Campaign names the certificates that were in force
when it was opened, and goes on with them to its end. All of them are one OpenPGP keyring in one vault, the current key
first. So a key is there, or not, in a single step; and a vault of one key is what it always was.
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
    """The Capsule's key pairs and what they do. Their secret halves rest in a vault in the Capsule's home.

    Args:
        key: the current one.
        retired: those it replaced, the newest first.
    """

    def __init__(self, key: Key, *retired: Key) -> None:
        self._keys = (key, *retired)

    @classmethod
    def create(cls, home: Path, user_id: str, passphrase: str, *, cost: int = vault.COST) -> Self:
        """A fresh identity.

        Raises:
            IdentityExistsError: the home has one.
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
            IdentityMissingError: there is none.
            VaultError: the passphrase is wrong, or the file damaged.
            CertificateError: one of its keys cannot sign and decrypt any more.
        """
        require_identity(home)
        return cls(*parse_keys(vault.read(home / _FILE, passphrase, purpose=_PURPOSE)))

    # ------------------------------------------------------------------ its keys

    @property
    def certificate(self) -> Certificate:
        """The public half of the current key."""
        return self._keys[0].certificate

    @property
    def retired(self) -> tuple[Certificate, ...]:
        """The public halves of the keys that were replaced, the newest first."""
        return self.certificates[1:]

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """All public halves, the current one first."""
        return tuple(key.certificate for key in self._keys)

    def ring(self) -> bytes:
        """The ring to announce."""
        return format_keyring([self.certificate])

    def among(self, ring: Sequence[Certificate]) -> Certificate | None:
        """The newest of its certificates that is in a ring."""
        names = {certificate.fingerprint for certificate in ring}
        return next((certificate for certificate in self.certificates if certificate.fingerprint in names), None)

    def succeeded(self, user_id: str) -> Self:
        """The same identity with a fresh key, which the one that was current certifies. It rests nowhere yet.

        Raises:
            TooManyKeysError: it holds as many as it can.
            CertificateError: `user_id` is not one line of 1 to 256 characters.
        """
        if len(self._keys) >= LARGEST_KEYRING:
            raise TooManyKeysError(len(self._keys))
        return type(self)(Key.generate(user_id).certified_by(self._keys[0]), *self._keys)

    def without(self, fingerprint: str) -> Self:
        """The same identity without one of its retired keys; it rests nowhere yet.

        Raises:
            KeyNotHeldError: it has no such key.
            KeyNotRetiredError: it is the current one.
        """
        key = self._key(fingerprint)
        if key is self._keys[0]:
            raise KeyNotRetiredError(fingerprint)
        return type(self)(*(one for one in self._keys if one is not key))

    def keep(self, home: Path, passphrase: str, *, cost: int = vault.COST) -> None:
        """Puts these keys in the place of the home's: durably, all of them or none. Raises OSError."""
        self._write(home, passphrase, cost, replace=True)

    def _write(self, home: Path, passphrase: str, cost: int, *, replace: bool) -> None:
        secret = format_keys(self._keys)
        vault.write(home / _FILE, secret, passphrase, purpose=_PURPOSE, cost=cost, replace=replace)

    def _key(self, fingerprint: str) -> Key:
        for key in self._keys:
            if key.fingerprint == fingerprint:
                return key
        raise KeyNotHeldError(fingerprint)

    # ------------------------------------------------------------------ what they do

    def unseal(self, message: bytes, *, signers: Sequence[Certificate], limit: int) -> bytes:
        """A signed message to the Capsule. Raises SealError."""
        return unseal(message, self._keys, signers=signers, limit=limit)

    def unseal_bundle(self, message: bytes, *, limit: int) -> bytes:
        """A Mine's bundle: nobody signs it. Raises SealError."""
        return unseal_anonymous(message, self._keys, limit=limit)

    def unsealing_key(self, message: bytes, *, limit: int) -> Certificate:
        """The newest of its certificates that a message is sealed to. Raises SealError."""
        return unsealing_key(message, self._keys, limit=limit).certificate

    def seal_to(self, data: bytes, recipient: Certificate, *, signer: Certificate | None = None) -> bytes:
        """A message of the Capsule's, signed by the current key, or by that of `signer`. Raises KeyNotHeldError."""
        return seal(data, [recipient], signer=self._signer(signer))

    def sign(self, statement: bytes, *, signer: Certificate | None = None) -> bytes:
        """A detached, armoured signature, likewise. Raises CertificateError, KeyNotHeldError."""
        return sign(statement, self._signer(signer))

    def seal_to_self(self, data: bytes) -> bytes:
        """What the Capsule keeps for itself alone."""
        return self.seal_to(data, self.certificate)

    def unseal_own(self, message: bytes, *, limit: int) -> bytes:
        """What `seal_to_self` gave, now or when a key that is retired was the current one. Raises SealError."""
        return self.unseal(message, signers=self.certificates, limit=limit)

    def _signer(self, certificate: Certificate | None) -> Key:
        return self._key(certificate.fingerprint) if certificate else self._keys[0]


def require_identity(home: Path) -> None:
    """Raises IdentityMissingError unless a Capsule lives in this home."""
    if not (home / _FILE).exists():
        raise IdentityMissingError(home / _FILE)
