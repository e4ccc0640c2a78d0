"""Keys, certificates and rings."""

from datetime import UTC, datetime, timedelta

import pysequoia
import pytest
from pysequoia.packet import PacketPile, Tag

from sonar_core.crypto.certificates import (
    LARGEST_KEYRING,
    LONGEST_KEYRING,
    CertificateError,
    Key,
    format_keyring,
    format_keys,
    parse_certificate,
    parse_keyring,
    parse_keys,
)

ALICE = Key.generate("Alice <alice@example.org>")
BOB = Key.generate("Bob")
RING = (ALICE.certificate, BOB.certificate)


def test_a_key_survives_its_bytes() -> None:
    again = Key.from_bytes(ALICE.to_bytes())
    assert again.certificate == ALICE.certificate
    assert again.fingerprint == ALICE.fingerprint
    assert again.to_bytes() == ALICE.to_bytes()


def test_a_fresh_key_is_version_4_without_expiry() -> None:
    cert = pysequoia.Cert.from_bytes(ALICE.certificate.armoured().encode())
    assert (len(ALICE.fingerprint), ALICE.fingerprint.lower(), cert.expiration) == (40, cert.fingerprint, None)
    assert ALICE.certificate.user_ids == ("Alice <alice@example.org>",)


def test_messages_to_fresh_keys_are_of_the_versions_that_gnupg_2_2_opens() -> None:
    """PKESK version 3 per recipient, then SEIPD version 1 (RFC 9580, 5.1 and 5.13)."""
    for number in range(40):
        certificates = [Key.generate("Fresh" * number + "!").certificate, ALICE.certificate]
        packets = list(PacketPile.from_bytes(pysequoia.encrypt(b"", [one.recipient() for one in certificates])))
        assert [(packet.tag, bytes(packet.body)[0]) for packet in packets] == [
            (Tag.PKESK, 3),
            (Tag.PKESK, 3),
            (Tag.SEIP, 1),
        ]


def test_nothing_secret_is_shown() -> None:
    assert repr(ALICE) == f"Key({ALICE.fingerprint})"
    assert "PRIVATE" not in ALICE.certificate.armoured()
    with pytest.raises(CertificateError, match="no secret key"):
        Key.from_bytes(ALICE.certificate.armoured().encode())


@pytest.mark.parametrize("user_id", ["", "two\nlines", "x" * 257, "\x1b[31mred"])
def test_a_user_id_is_one_short_line(user_id: str) -> None:
    with pytest.raises(CertificateError, match="a user id is one line"):
        Key.generate(user_id)


@pytest.mark.parametrize("data", [b"", b"junk", bytes(1000)], ids=["nothing", "text", "zeros"])
def test_what_is_no_key(data: bytes) -> None:
    with pytest.raises(CertificateError, match="no secret key to sign and decrypt with"):
        Key.from_bytes(data)


def test_a_ring_survives_its_bytes_armoured_or_not() -> None:
    assert parse_keyring(format_keyring(RING)) == RING
    binary = b"".join(bytes(pysequoia.Cert.from_bytes(one.armoured().encode())) for one in RING)
    assert parse_keyring(binary) == RING
    assert parse_certificate(format_keyring(RING[:1])) == RING[0]


NO_RINGS = {
    "nothing": (b"", "holds 1 to"),
    "text": (b"junk", "not a keyring of OpenPGP certificates"),
    "cut short": (format_keyring(RING)[:-100], "not a keyring of OpenPGP certificates"),
    "one twice": (format_keyring([*RING, RING[0]]), "twice"),
    "a secret key": (ALICE.to_bytes(), "holds a secret key"),
    "a secret key at its end": (format_keyring(RING) + str(pysequoia.Tsk.generate("C")).encode(), "holds a secret key"),
    "too long": (bytes(LONGEST_KEYRING + 1), "has at most"),
}


@pytest.mark.parametrize(("data", "why"), NO_RINGS.values(), ids=NO_RINGS)
def test_an_invalid_keyring_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(CertificateError, match=why) as caught:
        parse_keyring(data)
    assert "\n" not in str(caught.value)


def test_a_ring_has_an_end() -> None:
    ring = [Key.generate(f"key {number}").certificate for number in range(LARGEST_KEYRING + 1)]
    assert len(parse_keyring(format_keyring(ring[1:]))) == LARGEST_KEYRING
    with pytest.raises(CertificateError, match=f"1 to {LARGEST_KEYRING} certificates, this one {LARGEST_KEYRING + 1}"):
        parse_keyring(format_keyring(ring))


def test_one_certificate_is_one() -> None:
    with pytest.raises(CertificateError, match="not 2"):
        parse_certificate(format_keyring(RING))


# ------------------------------------------------------------------ keys that follow one another


def test_a_key_says_when_it_was_made() -> None:
    assert timedelta() <= datetime.now(UTC) - ALICE.certificate.created < timedelta(hours=1)


def test_a_certified_key_is_the_same_key_and_survives_its_bytes() -> None:
    certified = BOB.certified_by(ALICE)
    assert certified.fingerprint == BOB.fingerprint
    assert certified.certificate.user_ids == BOB.certificate.user_ids
    assert certified.certificate != BOB.certificate
    again = Key.from_bytes(certified.to_bytes())
    assert again.certificate == certified.certificate
    assert parse_certificate(certified.certificate.armoured().encode()) == certified.certificate
    twice = again.certified_by(Key.generate("Carol"))
    assert len(twice.to_bytes()) > len(again.to_bytes()) > len(BOB.to_bytes())


def test_a_ring_of_keys_survives_its_bytes_in_its_order() -> None:
    keys = (BOB.certified_by(ALICE), ALICE)
    assert [key.to_bytes() for key in parse_keys(format_keys(keys))] == [key.to_bytes() for key in keys]
    (alone,) = parse_keys(ALICE.to_bytes())
    assert alone.to_bytes() == ALICE.to_bytes()


NO_KEYS = {
    "nothing": (b"", "begins with a key"),
    "text": (b"junk", "not a keyring of secret OpenPGP keys"),
    "zeros": (bytes(1000), "not a keyring of secret OpenPGP keys"),
    "certificates": (format_keyring(RING), "begins with a key"),
    "a certificate first": (bytes(ALICE.certificate.verifier()) + BOB.to_bytes(), "begins with a key"),
    "a certificate last": (ALICE.to_bytes() + bytes(BOB.certificate.verifier()), "."),
    "half of one": (ALICE.to_bytes()[:100], "."),
    "twice": (ALICE.to_bytes() * 2, "in the keyring twice"),
    "too many": (ALICE.to_bytes() * (LARGEST_KEYRING + 1), "holds 1 to 16"),
}


@pytest.mark.parametrize(("data", "why"), NO_KEYS.values(), ids=NO_KEYS.keys())
def test_an_invalid_secret_keyring_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(CertificateError, match=why):
        parse_keys(data)
