"""The Data Scientist's OpenPGP keys: Models are delivered to them, and they sign what is sealed to a Capsule.

    identity.vault               the current key
    former-keys/FINGERPRINT.vault  a key that was replaced: Campaigns created with it are delivered to it

Each file is a vault of its own, so that a former key that has expired does not lock the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sonar_core.base.errors import SonarError, UsageError
from sonar_core.crypto import vault
from sonar_core.crypto.certificates import Certificate, CertificateError, Key, parse_keys
from sonar_core.crypto.sealed_messages import SealError, seal, unseal

#: Environment variable with the passphrase of the vault.
PASSPHRASE = "SONAR_PASSPHRASE"  # noqa: S105 - the name of a variable, not a passphrase
_PURPOSE = "scientist-identity"
_FORMER = "former-keys"
#: A shorter passphrase draws a warning.
SHORT_PASSPHRASE = 8


class KeyExistsError(SonarError, ValueError):
    """The vault holds another key already, and it was not to be replaced."""


class KeyMissingError(SonarError, LookupError):
    """The home has no OpenPGP key yet."""


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """The public facts of a key.

    Attributes:
        fingerprint: hex digits, in capitals.
        user_ids: names that the key gives itself.
        created, expires: times; None: it never expires.
        current: True for the key that new Campaigns use.
    """

    fingerprint: str
    user_ids: tuple[str, ...]
    created: datetime
    expires: datetime | None
    current: bool


class IdentityVault:
    """The OpenPGP keys in a Data Scientist's home.

    Args:
        home: folder; made when the first key is.
        passphrase: of the vault files; empty if it is not known.
        cost: scrypt's n for new files.

    Attributes:
        path: file of the current key.
    """

    def __init__(self, home: Path, passphrase: str, *, cost: int = vault.COST) -> None:
        self.path = home / "identity.vault"
        self._former = home / _FORMER
        self._passphrase, self._cost = passphrase, cost
        self._keys: tuple[Key, ...] = ()

    @property
    def exists(self) -> bool:
        """True if the home has a key."""
        return self.path.exists()

    def unlock(self, passphrase: str) -> None:
        """Takes the passphrase that opens the files from now on."""
        self._passphrase, self._keys = passphrase, ()

    def require(self) -> None:
        """Raises KeyMissingError unless the home has a key."""
        if not self.exists:
            raise KeyMissingError(
                f"{self.path} does not exist: `ape sonar create` makes a key, `ape sonar key import FILE` takes yours"
            )

    @property
    def current(self) -> Key:
        """The key that new Campaigns use.

        Raises:
            KeyMissingError: the home has no key.
            UsageError: no passphrase is known.
            VaultError: the passphrase is wrong, or the file damaged.
            CertificateError: the key cannot sign and decrypt any more.
        """
        return self.keys[0]

    @property
    def keys(self) -> tuple[Key, ...]:
        """The current key, and the former ones that can still be used. Raises as `current`."""
        if not self._keys:
            self.require()
            self._keys = (self._usable(self._read(self.path)), *self._former_keys())
        return self._keys

    def create(self, user_id: str) -> Key:
        """Makes a new key and keeps it as the current one.

        Raises:
            UsageError: no passphrase is known.
            VaultExistsError: the home has a key.
            CertificateError: `user_id` is not one line of 1 to 256 characters.
            OSError: the home cannot be written.
        """
        self._require_passphrase()
        key = Key.generate(user_id)
        self._write(self.path, key, replace=False)
        return key

    def add(self, key: Key, *, replace: bool = False) -> bool:
        """Keeps a key as the current one, and the one that it replaces as a former one.

        Args:
            key: able to sign and decrypt (`read_key`).
            replace: True to replace another key.

        Returns:
            True if another key was replaced. The same key, perhaps with a new expiry, is renewed in its place.

        Raises:
            KeyExistsError: the home has another key, and `replace` is False.
            UsageError, VaultError: as for `current`.
        """
        self._require_passphrase()
        if not self.exists:
            self._write(self.path, key, replace=False)
            return False
        former = self._read(self.path)
        fingerprint = Certificate.of_secret(former).fingerprint
        if other := fingerprint != key.fingerprint:
            if not replace:
                raise KeyExistsError(
                    f"{self.path} holds another key, {fingerprint}: repeat with --force to replace it; "
                    "it is kept for the Campaigns that were created with it"
                )
            self._former.mkdir(mode=0o700, exist_ok=True)
            self._write_bytes(self._former / f"{fingerprint}.vault", former, replace=True)
        self._write(self.path, key, replace=True)
        return other

    def facts(self) -> list[KeyFacts]:
        """Public facts of all keys, the current one first. Raises as `current`, but not for an expired key."""
        if not self.exists:
            return []
        certificates = [Certificate.of_secret(self._read(path)) for path in (self.path, *self._former_files())]
        return [
            KeyFacts(one.fingerprint, one.user_ids, one.created, one.expires, current=place == 0)
            for place, one in enumerate(certificates)
        ]

    def current_certificate(self) -> Certificate:
        """The public half of the current key, which may have expired. Raises KeyMissingError, VaultError."""
        return Certificate.of_secret(self.export_secret())

    def export_secret(self) -> bytes:
        """The current key itself, unprotected, as `gpg --import` reads it. Raises as `current_certificate`."""
        self.require()
        return self._read(self.path)

    def _former_files(self) -> list[Path]:
        return sorted(self._former.glob("*.vault"))

    def _former_keys(self) -> Iterator[Key]:
        for path in self._former_files():
            try:
                yield Key.from_bytes(self._read(path))
            except CertificateError:
                continue  # expired: `ape sonar key show` names it

    def _usable(self, secret: bytes) -> Key:
        try:
            return Key.from_bytes(secret)
        except CertificateError as error:
            raise CertificateError(
                f"{self.path}: {error}; if it has expired, export it (`ape sonar key export --secret FILE`), extend it "
                "with gpg, and import it again"
            ) from None

    def _read(self, path: Path) -> bytes:
        self._require_passphrase()
        return vault.read(path, self._passphrase, purpose=_PURPOSE)

    def _write(self, path: Path, key: Key, *, replace: bool) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._write_bytes(path, key.to_bytes(), replace=replace)
        self._keys = ()

    def _write_bytes(self, path: Path, secret: bytes, *, replace: bool) -> None:
        vault.write(path, secret, self._passphrase, purpose=_PURPOSE, cost=self._cost, replace=replace)

    def _require_passphrase(self) -> None:
        if self._passphrase:
            return
        where = f"in {self.path}" if self.exists else f"that is made in {self.path}"
        raise UsageError(f"the OpenPGP key {where} needs a passphrase: set {PASSPHRASE}, or give `passphrase`")


def read_key(data: bytes) -> Key:
    """A secret key that gpg exported, armoured or not, checked: it signs and decrypts a message.

    Raises:
        CertificateError: no key, several, one that is protected by a passphrase of its own, expired, or unfit.
    """
    try:
        key, *others = parse_keys(data)
    except CertificateError as error:
        raise CertificateError(
            f"{error}; a key without a passphrase of its own is needed (`gpg --passwd` removes it), not expired, with "
            "subkeys to sign and to decrypt"
        ) from None
    if others:
        raise CertificateError(f"one key is expected, not {1 + len(others)}: export it by its fingerprint")
    sample = b"a message from this key to itself"
    try:
        opened = unseal(seal(sample, [key.certificate], signer=key), key, signers=[key.certificate], limit=1 << 10)
    except SealError as error:
        raise CertificateError(f"key {key.fingerprint} cannot sign and decrypt: {error}") from None
    if opened != sample:
        raise CertificateError(f"key {key.fingerprint} does not decrypt what was sealed to it")
    return key
