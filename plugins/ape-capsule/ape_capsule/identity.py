"""The Capsule's OpenPGP identity: bundles and validation sets are sealed to it, and it signs what it delivers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ape_sonar import vault
from ape_sonar.certificates import Certificate, Key, format_ring
from ape_sonar.seal import seal, sign, unseal, unseal_anonymous

from .errors import IdentityExistsError, IdentityMissingError

_FILE = "identity.vault"
_PURPOSE = "capsule-identity"


class Identity:
    """A key pair and what it does. Its secret half rests in a vault in the Capsule's home."""

    def __init__(self, key: Key) -> None:
        self._key = key

    @classmethod
    def create(cls, home: Path, user_id: str, passphrase: str, *, cost: int = vault.COST) -> Identity:
        """A fresh identity.

        Raises:
            IdentityExistsError: the home has one.
            CertificateError: `user_id` is not one line of 1 to 256 characters.
        """
        path = home / _FILE
        if path.exists():
            raise IdentityExistsError(path)
        key = Key.generate(user_id)
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        vault.write(path, key.to_bytes(), passphrase, purpose=_PURPOSE, cost=cost)
        return cls(key)

    @classmethod
    def load(cls, home: Path, passphrase: str) -> Identity:
        """The identity in a home.

        Raises:
            IdentityMissingError: there is none.
            VaultError: the passphrase is wrong, or the file damaged.
        """
        require_identity(home)
        path = home / _FILE
        return cls(Key.from_bytes(vault.read(path, passphrase, purpose=_PURPOSE)))

    @property
    def certificate(self) -> Certificate:
        """The public half."""
        return self._key.certificate

    def ring(self) -> bytes:
        """The ring to announce."""
        return format_ring([self.certificate])

    def unseal(self, message: bytes, *, signers: Sequence[Certificate], limit: int) -> bytes:
        """A signed message to the Capsule. Raises SealError."""
        return unseal(message, self._key, signers=signers, limit=limit)

    def unseal_bundle(self, message: bytes, *, limit: int) -> bytes:
        """A Mine's bundle: nobody signs it. Raises SealError."""
        return unseal_anonymous(message, self._key, limit=limit)

    def seal_to(self, data: bytes, recipient: Certificate) -> bytes:
        """A signed message of the Capsule's."""
        return seal(data, [recipient], signer=self._key)

    def sign(self, statement: bytes) -> bytes:
        """A detached, armoured signature. Raises CertificateError."""
        return sign(statement, self._key)

    def seal_to_self(self, data: bytes) -> bytes:
        """What the Capsule keeps for itself alone."""
        return self.seal_to(data, self.certificate)

    def unseal_own(self, message: bytes, *, limit: int) -> bytes:
        """What `seal_to_self` gave. Raises SealError."""
        return self.unseal(message, signers=[self.certificate], limit=limit)


def require_identity(home: Path) -> None:
    """Raises IdentityMissingError unless a Capsule lives in this home."""
    if not (home / _FILE).exists():
        raise IdentityMissingError(home / _FILE)
