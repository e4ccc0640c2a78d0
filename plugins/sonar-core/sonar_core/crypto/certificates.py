"""OpenPGP certificates, rings of them, and the secret keys behind them (RFC 9580), by pysequoia.

pysequoia encrypts to a certificate that is revoked or expired without a word: `Certificate.recipient` does not.
Its messages may carry stack traces (RUST_BACKTRACE): `sequoia_says` keeps the first line.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Self

from pysequoia import Cert, CipherSuite, Profile, PyDecryptor, PySigner, Tsk, encrypt
from pysequoia.packet import Packet, PacketPile, Tag

from sonar_core.base.errors import SonarError
from sonar_core.crypto._key_features import announce_seipd1_only

#: Bytes of the longest ring that is read.
LONGEST_KEYRING = 1 << 18
#: Certificates of the largest ring: bundles are sealed to every one of them.
LARGEST_KEYRING = 16
_LONGEST_USER_ID = 256


class CertificateError(SonarError, ValueError):
    """A certificate, ring or key that cannot be read, or not be used."""


class Certificate:
    """The public half: what others seal to, and verify with. Made by `parse_keyring` and `Key.certificate`."""

    __slots__ = ("_cert",)

    def __init__(self, cert: Cert) -> None:
        self._cert = cert

    @classmethod
    def of_secret(cls, data: bytes) -> Self:
        """The public half of a secret key, which may have expired. Raises CertificateError if it is no secret key."""
        try:
            return cls(Tsk.from_bytes(data).extract_certificate())
        except RuntimeError as error:
            raise CertificateError(f"this is no OpenPGP key: {sequoia_says(error)}") from None

    @property
    def fingerprint(self) -> str:
        """40 (v4) or 64 (v6) hex digits, in capitals as gpg shows them."""
        return self._cert.fingerprint.upper()

    @property
    def user_ids(self) -> tuple[str, ...]:
        """Who it says it belongs to; nobody has checked that."""
        return tuple(str(user_id) for user_id in self._cert.user_ids)

    @property
    def created(self) -> datetime:
        """When its primary key was made, as it says itself."""
        made: datetime | None = next(iter(PacketPile.from_bytes(bytes(self._cert)))).key_created
        assert made is not None  # of a certificate the first packet is a key
        return made

    @property
    def expires(self) -> datetime | None:
        """When it stops being good to encrypt to; None for never. Raises CertificateError where it is not valid now."""
        try:
            return self._cert.expiration
        except RuntimeError as error:
            raise CertificateError(
                f"certificate {self.fingerprint} is not valid by this machine's clock ({sequoia_says(error)}): is it "
                "right, and that of who made the certificate?"
            ) from None

    def armoured(self) -> str:
        """The certificate as text."""
        return str(self._cert)

    def recipient(self) -> Cert:
        """Pysequoia's certificate, fit to be encrypted to. Raises CertificateError."""
        expires = self.expires
        if self._cert.is_revoked:
            raise CertificateError(f"certificate {self.fingerprint} is revoked: ask its owner for another")
        if expires is not None and expires <= datetime.now(UTC):
            raise CertificateError(f"certificate {self.fingerprint} expired on {expires:%Y-%m-%d}: ask for another")
        try:
            encrypt(b"", recipients=[self._cert])
        except RuntimeError as error:
            raise CertificateError(
                f"nothing can be encrypted to certificate {self.fingerprint}: {sequoia_says(error)}"
            ) from None
        return self._cert

    def verifier(self) -> Cert:
        """The same for checking a signature, where pysequoia looks at revocation and expiry itself."""
        return self._cert

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Certificate) and bytes(self._cert) == bytes(other._cert)

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        return f"Certificate({self.fingerprint})"


class Key:
    """The secret half: opens what was sealed to its certificate, and signs."""

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
        """The key that `to_bytes` or `gpg --export-secret-keys` gave, not protected by a password.

        Raises:
            CertificateError: no secret key, or one that cannot sign and decrypt today.
        """
        try:
            key = cls(Tsk.from_bytes(data))
            key.signer()
            key.decryptor()
        except RuntimeError as error:
            raise CertificateError(f"this is no secret key to sign and decrypt with: {sequoia_says(error)}") from None
        return key

    def to_bytes(self) -> bytes:
        """The secret itself, unprotected: for a vault, never for a plain file."""
        return bytes(self._tsk)

    def certified_by(self, elder: Key) -> Key:
        """The same key, whose certificate says in OpenPGP's own way that `elder` vouches for its first user id.

        So `gpg --check-sigs`, and a web of trust, lead from the certificate that is known to the one that follows it.

        Raises:
            CertificateError: `elder` may not certify, or has expired.
        """
        own = self._tsk.extract_certificate()
        try:
            certified = own.add_user_id(str(own.user_ids[0]), elder._tsk.certifier())
        except RuntimeError as error:
            raise CertificateError(f"key {elder.fingerprint} cannot certify: {sequoia_says(error)}") from None
        # pysequoia adds it to the public half alone, and takes the secret one apart and together again.
        issuer = elder.fingerprint.lower()
        vouched = [packet for packet in PacketPile.from_bytes(bytes(certified)) if _issuer(packet) == issuer]
        packets = list(PacketPile.from_bytes(bytes(self._tsk)))
        place = 1 + next(place for place, packet in enumerate(packets) if packet.tag == Tag.UserID)
        return Key(Tsk.from_packets(packets[:place] + vouched + packets[place:]))

    @property
    def certificate(self) -> Certificate:
        """The public half."""
        return Certificate(self._tsk.extract_certificate())

    @property
    def fingerprint(self) -> str:
        """As the certificate's."""
        return self.certificate.fingerprint

    def signer(self) -> PySigner:
        """Pysequoia's handle to sign with. Raises RuntimeError when the key has expired."""
        return self._tsk.signer()

    def decryptor(self) -> PyDecryptor:
        """Pysequoia's handle to decrypt with. Raises RuntimeError when there is no such subkey."""
        return self._tsk.decryptor()

    def __repr__(self) -> str:
        return f"Key({self.fingerprint})"


def parse_keyring(data: bytes) -> tuple[Certificate, ...]:
    """The certificates of an OpenPGP keyring, armoured or not: at least one, each once, none of them secret.

    Raises:
        CertificateError: not a keyring, too large, or one that its owner should not have published.
    """
    if len(data) > LONGEST_KEYRING:
        raise CertificateError(f"a ring of certificates has at most {LONGEST_KEYRING} bytes, this one {len(data)}")
    try:
        certs = Cert.split_bytes(data)
    except RuntimeError as error:
        raise CertificateError(f"this is no ring of OpenPGP certificates: {sequoia_says(error)}") from None
    ring = tuple(Certificate(cert) for cert in certs)
    if not 0 < len(ring) <= LARGEST_KEYRING:
        raise CertificateError(f"a ring holds 1 to {LARGEST_KEYRING} certificates, this one {len(ring)}")
    if len({certificate.fingerprint for certificate in ring}) < len(ring):
        raise CertificateError("a certificate is in the ring twice")
    if any(cert.has_secret_keys for cert in certs):
        raise CertificateError("the ring holds a secret key: whoever published it must replace that key")
    return ring


def parse_certificate(data: bytes) -> Certificate:
    """The one certificate of a ring of one. Raises CertificateError."""
    certificate, *others = parse_keyring(data)
    if others:
        raise CertificateError(f"one certificate is expected here, not {1 + len(others)}")
    return certificate


def format_keyring(ring: Iterable[Certificate]) -> bytes:
    """The ring as `parse_keyring` and `gpg --import` read it: armoured certificates one after the other."""
    return "".join(certificate.armoured() for certificate in ring).encode("ascii")


def parse_keys(data: bytes) -> tuple[Key, ...]:
    """The keys of an OpenPGP keyring of secret keys, in its order: at least one, each once.

    Raises:
        CertificateError: not such a keyring, or one with a key that cannot sign and decrypt today.
    """
    try:
        packets = list(PacketPile.from_bytes(data))
    except RuntimeError as error:
        raise CertificateError(f"this is no ring of OpenPGP keys: {sequoia_says(error)}") from None
    starts = [place for place, packet in enumerate(packets) if packet.tag == Tag.SecretKey]
    if not starts or starts[0] != 0 or len(starts) > LARGEST_KEYRING:
        raise CertificateError(
            f"a ring of keys begins with one, and holds 1 to {LARGEST_KEYRING}, this one {len(starts)}"
        )
    ends = [*starts[1:], len(packets)]
    keys = tuple(_join(packets[start:end]) for start, end in zip(starts, ends, strict=True))
    if len({key.fingerprint for key in keys}) < len(keys):
        raise CertificateError("a key is in the ring twice")
    return keys


def format_keys(keys: Iterable[Key]) -> bytes:
    """The ring as `parse_keys` and `gpg --import` read it: the secrets themselves, for a vault."""
    return b"".join(key.to_bytes() for key in keys)


def _join(packets: list[Packet]) -> Key:
    try:
        return Key.from_bytes(bytes(Tsk.from_packets(packets)))
    except RuntimeError as error:
        raise CertificateError(f"this is no OpenPGP key: {sequoia_says(error)}") from None


def _issuer(packet: Packet) -> str | None:
    return packet.issuer_fingerprint if packet.tag == Tag.Signature else None


def sequoia_says(error: BaseException) -> str:
    """The first line of what pysequoia raised."""
    return str(error).partition("\n")[0]
