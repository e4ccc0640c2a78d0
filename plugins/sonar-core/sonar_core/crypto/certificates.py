"""OpenPGP certificates, keyrings and secret keys (RFC 9580), on pysequoia.

pysequoia encrypts to revoked and expired certificates without an error; `Certificate.recipient` refuses them. Its
messages may contain stack traces (RUST_BACKTRACE); `first_line` keeps the first line.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Self

from pysequoia import Cert, CipherSuite, Profile, PyDecryptor, PySigner, Tsk, encrypt
from pysequoia.packet import Packet, PacketPile, Tag

from sonar_core.base.errors import SonarError
from sonar_core.crypto._key_features import announce_seipd1_only

#: Most bytes of a keyring.
LONGEST_KEYRING = 1 << 18
#: Most certificates of a keyring: bundles are sealed to all of them.
LARGEST_KEYRING = 16
_LONGEST_USER_ID = 256


class CertificateError(SonarError, ValueError):
    """A certificate, keyring or key that cannot be read or used."""


class Certificate:
    """A public key: others seal to it and verify signatures with it. Made by `parse_keyring` and `Key.certificate`."""

    __slots__ = ("_cert",)

    def __init__(self, cert: Cert) -> None:
        self._cert = cert

    @classmethod
    def of_secret(cls, data: bytes) -> Self:
        """The public half of a secret key, which may have expired. Raises CertificateError if it is no secret key."""
        try:
            return cls(Tsk.from_bytes(data).extract_certificate())
        except RuntimeError as error:
            raise CertificateError(f"this is no OpenPGP key: {first_line(error)}") from None

    @property
    def fingerprint(self) -> str:
        """40 (v4) or 64 (v6) hex digits, in capitals as in gpg."""
        return self._cert.fingerprint.upper()

    @property
    def user_ids(self) -> tuple[str, ...]:
        """The user ids that the certificate claims; they are not verified."""
        return tuple(str(user_id) for user_id in self._cert.user_ids)

    @property
    def created(self) -> datetime:
        """Creation time that the primary key claims."""
        made: datetime | None = next(iter(PacketPile.from_bytes(bytes(self._cert)))).key_created
        assert made is not None  # the first packet of a certificate is a key
        return made

    @property
    def expires(self) -> datetime | None:
        """Expiry, or None. Raises CertificateError if the certificate is not valid now."""
        try:
            return self._cert.expiration
        except RuntimeError as error:
            raise CertificateError(
                f"certificate {self.fingerprint} is not valid by this machine's clock ({first_line(error)}): "
                "check this clock, and that of the certificate's owner"
            ) from None

    def armoured(self) -> str:
        """The certificate as text."""
        return str(self._cert)

    def recipient(self) -> Cert:
        """Pysequoia's handle for encryption. Raises CertificateError if it is revoked, expired or unfit for that."""
        expires = self.expires
        if self._cert.is_revoked:
            raise CertificateError(f"certificate {self.fingerprint} is revoked: ask its owner for another")
        if expires is not None and expires <= datetime.now(UTC):
            raise CertificateError(f"certificate {self.fingerprint} expired on {expires:%Y-%m-%d}: ask for another")
        try:
            encrypt(b"", recipients=[self._cert])
        except RuntimeError as error:
            raise CertificateError(
                f"nothing can be encrypted to certificate {self.fingerprint}: {first_line(error)}"
            ) from None
        return self._cert

    def verifier(self) -> Cert:
        """Pysequoia's handle for verification; pysequoia itself checks revocation and expiry there."""
        return self._cert

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Certificate) and bytes(self._cert) == bytes(other._cert)

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        return f"Certificate({self.fingerprint})"


class Key:
    """A secret key: unseals messages to its certificate, and signs."""

    __slots__ = ("_tsk",)

    def __init__(self, tsk: Tsk) -> None:
        self._tsk = tsk

    @classmethod
    def generate(cls, user_id: str) -> Key:
        """A fresh v4 key without expiry: Ed25519 signs, X25519 decrypts.

        GnuPG 2.2 imports it, signs and verifies with it, and opens what is sealed to it (SEIPD version 1).

        Args:
            user_id: a line of 1 to 256 characters, by custom "Name <mail@example.org>".

        Raises:
            CertificateError: `user_id` is something else.
        """
        if not 0 < len(user_id) <= _LONGEST_USER_ID or not user_id.isprintable():
            raise CertificateError(f"a user id is one line of 1 to {_LONGEST_USER_ID} characters")
        key = Tsk.generate(user_id, profile=Profile.RFC4880, cipher_suite=CipherSuite.Cv25519)
        return cls(announce_seipd1_only(key))

    @classmethod
    def from_bytes(cls, data: bytes) -> Key:
        """Parses the output of `to_bytes` or `gpg --export-secret-keys`, without password protection.

        Raises:
            CertificateError: no secret key, or one that cannot sign and decrypt now.
        """
        try:
            key = cls(Tsk.from_bytes(data))
            key.signer()
            key.decryptor()
        except RuntimeError as error:
            raise CertificateError(f"this is no secret key to sign and decrypt with: {first_line(error)}") from None
        return key

    def to_bytes(self) -> bytes:
        """The unprotected secret key: store it in a vault only."""
        return bytes(self._tsk)

    def certified_by(self, elder: Key) -> Key:
        """This key with a certification of its first user id by `elder`.

        It leads a reader from a known certificate to its successor (`gpg --check-sigs`, web of trust).

        Raises:
            CertificateError: `elder` may not certify, or has expired.
        """
        own = self._tsk.extract_certificate()
        try:
            certified = own.add_user_id(str(own.user_ids[0]), elder._tsk.certifier())
        except RuntimeError as error:
            raise CertificateError(f"key {elder.fingerprint} cannot certify: {first_line(error)}") from None
        # pysequoia certifies the public key only: the new packet is moved into the secret key.
        issuer = elder.fingerprint.lower()
        vouched = [packet for packet in PacketPile.from_bytes(bytes(certified)) if _issuer(packet) == issuer]
        packets = list(PacketPile.from_bytes(bytes(self._tsk)))
        index = 1 + next(index for index, packet in enumerate(packets) if packet.tag == Tag.UserID)
        return Key(Tsk.from_packets(packets[:index] + vouched + packets[index:]))

    @property
    def certificate(self) -> Certificate:
        """The public key."""
        return Certificate(self._tsk.extract_certificate())

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the certificate."""
        return self.certificate.fingerprint

    def signer(self) -> PySigner:
        """Pysequoia's handle for signing. Raises RuntimeError if the key has expired."""
        return self._tsk.signer()

    def decryptor(self) -> PyDecryptor:
        """Pysequoia's handle for decryption. Raises RuntimeError if it has no subkey for that."""
        return self._tsk.decryptor()

    def __repr__(self) -> str:
        return f"Key({self.fingerprint})"


def parse_keyring(data: bytes) -> tuple[Certificate, ...]:
    """The certificates of a public OpenPGP keyring, armoured or binary: 1 to 16, each once.

    Raises:
        CertificateError: not a keyring, too large, or one with a secret key in it.
    """
    if len(data) > LONGEST_KEYRING:
        raise CertificateError(f"a keyring has at most {LONGEST_KEYRING} bytes, this one {len(data)}")
    try:
        certs = Cert.split_bytes(data)
    except RuntimeError as error:
        raise CertificateError(f"not a keyring of OpenPGP certificates: {first_line(error)}") from None
    keyring = tuple(Certificate(cert) for cert in certs)
    if not 0 < len(keyring) <= LARGEST_KEYRING:
        raise CertificateError(f"a keyring holds 1 to {LARGEST_KEYRING} certificates, this one {len(keyring)}")
    if len({certificate.fingerprint for certificate in keyring}) < len(keyring):
        raise CertificateError("a certificate is in the keyring twice")
    if any(cert.has_secret_keys for cert in certs):
        raise CertificateError("the keyring holds a secret key: its owner must replace that key")
    return keyring


def parse_certificate(data: bytes) -> Certificate:
    """The certificate of a keyring that holds exactly one. Raises CertificateError."""
    certificate, *others = parse_keyring(data)
    if others:
        raise CertificateError(f"one certificate is expected here, not {1 + len(others)}")
    return certificate


def format_keyring(keyring: Iterable[Certificate]) -> bytes:
    """A keyring for `parse_keyring` and `gpg --import`: concatenated armoured certificates."""
    return "".join(certificate.armoured() for certificate in keyring).encode("ascii")


def parse_keys(data: bytes) -> tuple[Key, ...]:
    """The keys of a secret OpenPGP keyring, in its order: 1 to 16, each once.

    Raises:
        CertificateError: not a secret keyring, or one with a key that cannot sign and decrypt now.
    """
    try:
        packets = list(PacketPile.from_bytes(data))
    except RuntimeError as error:
        raise CertificateError(f"not a keyring of secret OpenPGP keys: {first_line(error)}") from None
    starts = [index for index, packet in enumerate(packets) if packet.tag == Tag.SecretKey]
    if not starts or starts[0] != 0 or len(starts) > LARGEST_KEYRING:
        raise CertificateError(
            f"a secret keyring begins with a key, and holds 1 to {LARGEST_KEYRING}, this one {len(starts)}"
        )
    ends = [*starts[1:], len(packets)]
    keys = tuple(_join(packets[start:end]) for start, end in zip(starts, ends, strict=True))
    if len({key.fingerprint for key in keys}) < len(keys):
        raise CertificateError("a key is in the keyring twice")
    return keys


def format_keys(keys: Iterable[Key]) -> bytes:
    """A secret keyring for `parse_keys` and `gpg --import`, unprotected: store it in a vault only."""
    return b"".join(key.to_bytes() for key in keys)


def _join(packets: list[Packet]) -> Key:
    try:
        return Key.from_bytes(bytes(Tsk.from_packets(packets)))
    except RuntimeError as error:
        raise CertificateError(f"not an OpenPGP key: {first_line(error)}") from None


def _issuer(packet: Packet) -> str | None:
    return packet.issuer_fingerprint if packet.tag == Tag.Signature else None


def first_line(error: BaseException) -> str:
    """First line of a pysequoia error."""
    return str(error).partition("\n")[0]
