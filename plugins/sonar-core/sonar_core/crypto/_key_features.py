"""Takes SEIPD version 2 out of the features that a fresh OpenPGP key announces, so that GnuPG can read messages to it.

A sender encrypts with version 2 of the "symmetrically encrypted and integrity protected data" packet (RFC 9580, 5.13.2)
if every recipient's features name it. pysequoia 0.1.35 names it in each key that it generates and has no parameter to
leave it out; GnuPG 2.2 opens version 1 only. The features are a hashed subpacket of the self-signatures, so these are
issued again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pysequoia import Tsk
from pysequoia.packet import PacketPile, SignatureType, Tag

_FEATURES_SUBPACKET = 30
_SEIPD_VERSION_1 = b"\x01"
_SELF_SIGNATURES = (SignatureType.DirectKey, SignatureType.PositiveCertification)
#: Bytes before the hashed subpackets: version, type, two algorithms, and the subpackets' length (RFC 9580, 5.2.3).
_HASHED_AT = 6
_SECRET_BYTES = 32


def announce_seipd1_only(key: Tsk) -> Tsk:
    """The same v4 Ed25519 key, unprotected, whose primary self-signatures announce SEIPD version 1 alone.

    Raises:
        RuntimeError, ValueError: pysequoia generated a key of another form.
    """
    public = bytes(next(iter(PacketPile.from_bytes(bytes(key.extract_certificate())))).body)
    context = b"\x99" + len(public).to_bytes(2, "big") + public
    packets = []
    for packet in PacketPile.from_bytes(bytes(key)):
        body = bytes(packet.body)
        if packet.tag == Tag.SecretKey:
            signer = _private_key(body[len(public) :])
        elif packet.tag == Tag.UserID:
            context += b"\xb4" + len(body).to_bytes(4, "big") + body
        elif packet.tag == Tag.Signature and packet.signature_type in _SELF_SIGNATURES:
            packets.append(_issue_again(body, context, signer))
            continue
        packets.append(bytes(packet))
    return Tsk.from_bytes(b"".join(packets))


def _private_key(secret: bytes) -> Ed25519PrivateKey:
    """From the secret part of a key packet: usage 0 (not protected), one MPI, two bytes of checksum."""
    if secret[:1] != b"\0":
        raise ValueError("the secret key is protected")
    return Ed25519PrivateKey.from_private_bytes(secret[3:-2].rjust(_SECRET_BYTES, b"\0"))


def _issue_again(body: bytes, context: bytes, signer: Ed25519PrivateKey) -> bytes:
    """A v4 signature packet over `context` like the one with this body, with other features (RFC 9580, 5.2.4)."""
    hashed = _HASHED_AT + int.from_bytes(body[_HASHED_AT - 2 : _HASHED_AT], "big")
    if (body[0], body[2:4]) != (4, b"\x16\x0a"):
        raise ValueError("the self-signature is not version 4, EdDSA with SHA-512")
    subpackets = b"".join(
        subpacket[:-1] + _SEIPD_VERSION_1 if kind == _FEATURES_SUBPACKET else subpacket
        for kind, subpacket in _subpackets(body[_HASHED_AT:hashed])
    )
    fields = body[: _HASHED_AT - 2] + len(subpackets).to_bytes(2, "big") + subpackets
    digest = hashlib.sha512(context + fields + b"\x04\xff" + len(fields).to_bytes(4, "big")).digest()
    signature = signer.sign(digest)
    unhashed = body[hashed : hashed + 2 + int.from_bytes(body[hashed : hashed + 2], "big")]
    fresh = fields + unhashed + digest[:2] + _mpi(signature[:32]) + _mpi(signature[32:])
    return b"\xc2\xff" + len(fresh).to_bytes(4, "big") + fresh


def _subpackets(area: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and bytes of each subpacket (RFC 9580, 5.2.3.7)."""
    while area:
        if area[0] < 192:
            header, length = 1, area[0]
        elif area[0] < 255:
            header, length = 2, ((area[0] - 192) << 8) + area[1] + 192
        else:
            header, length = 5, int.from_bytes(area[1:5], "big")
        yield area[header] & 0x7F, area[: header + length]
        area = area[header + length :]


def _mpi(number: bytes) -> bytes:
    """A multiprecision integer (RFC 9580, 3.2): its length in bits, and its bytes without leading zeros."""
    value = int.from_bytes(number, "big")
    return value.bit_length().to_bytes(2, "big") + value.to_bytes((value.bit_length() + 7) // 8, "big")
