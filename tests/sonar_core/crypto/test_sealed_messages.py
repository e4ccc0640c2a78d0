"""Sealed messages and signed statements: what opens, what does not, and what a stranger may send."""

import sys
from pathlib import Path

import pysequoia
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pysequoia.packet import PacketPile, Tag

from sonar_core.crypto import sealed_messages
from sonar_core.crypto.certificates import Certificate, CertificateError, Key, parse_certificate
from sonar_core.crypto.sealed_messages import (
    MalformedMessageError,
    MessageTooLargeError,
    NoValidSignatureError,
    SealError,
    UnsealProcessError,
    UnsealTimeoutError,
    WrongKeyError,
)

DATA = b"ciphertexts of a Gradient"
LIMIT = 1 << 20

SCIENTIST = Key.generate("Data Scientist <scientist@example.org>")
CAPSULE = Key.generate("Capsule <capsule@example.org>")
SPARE = Key.generate("Capsule's spare key")
STRANGER = Key.generate("Stranger")

few = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def revoked(key: Key) -> Certificate:
    tsk = pysequoia.Tsk.from_bytes(key.to_bytes())
    cert = tsk.extract_certificate()
    return parse_certificate(bytes(cert) + bytes(cert.revoke(certifier=tsk.certifier())))


def packets(message: bytes) -> list[bytes]:
    return [bytes(packet) for packet in PacketPile.from_bytes(message)]


def refusals(message: bytes, key: Key = CAPSULE) -> list[SealError]:
    """What both ways of opening it raise."""
    with pytest.raises(SealError) as signed:
        sealed_messages.unseal(message, key, signers=[SCIENTIST.certificate], limit=LIMIT)
    with pytest.raises(SealError) as anonymous:
        sealed_messages.unseal_anonymous(message, key, limit=LIMIT)
    return [signed.value, anonymous.value]


@few
@given(st.binary(max_size=5000))
def test_every_key_of_the_ring_opens_it(data: bytes) -> None:
    message = sealed_messages.seal(data, [CAPSULE.certificate, SPARE.certificate], signer=SCIENTIST)
    for key in (CAPSULE, SPARE):
        assert sealed_messages.unseal(message, key, signers=[SCIENTIST.certificate], limit=len(data)) == data
    assert data not in message or len(data) < 4


def test_nobody_else_opens_it() -> None:
    message = sealed_messages.seal(DATA, [CAPSULE.certificate, SPARE.certificate], signer=SCIENTIST)
    for error in refusals(message, STRANGER):
        assert isinstance(error, WrongKeyError)
        assert error.fingerprints == (STRANGER.fingerprint,)


def test_of_several_keys_the_one_it_is_sealed_to_opens_it() -> None:
    message = sealed_messages.seal(DATA, [SPARE.certificate], signer=SCIENTIST)
    keys = [STRANGER, CAPSULE, SPARE]
    assert sealed_messages.unseal(message, keys, signers=[SCIENTIST.certificate], limit=LIMIT) == DATA
    assert sealed_messages.unseal_anonymous(message, keys, limit=LIMIT) == DATA
    assert sealed_messages.unsealing_key(message, keys, limit=LIMIT) is SPARE
    both = sealed_messages.seal_anonymous(DATA, [SPARE.certificate, CAPSULE.certificate])
    assert sealed_messages.unsealing_key(both, keys, limit=LIMIT) is CAPSULE
    with pytest.raises(WrongKeyError, match=f"{STRANGER.fingerprint} or {CAPSULE.fingerprint}"):
        sealed_messages.unseal_anonymous(message, keys[:2], limit=LIMIT)
    with pytest.raises(NoValidSignatureError):
        sealed_messages.unseal(message, keys, signers=[CAPSULE.certificate], limit=LIMIT)


def test_sealing_twice_shows_nothing_of_the_content() -> None:
    assert sealed_messages.seal_anonymous(DATA, [CAPSULE.certificate]) != sealed_messages.seal_anonymous(
        DATA, [CAPSULE.certificate]
    )


def test_a_signer_of_several() -> None:
    message = sealed_messages.seal(DATA, [CAPSULE.certificate], signer=SPARE)
    signers = [SCIENTIST.certificate, SPARE.certificate]
    assert sealed_messages.unseal(message, CAPSULE, signers=signers, limit=LIMIT) == DATA


def test_an_anonymous_message_opens_only_where_that_is_asked_for() -> None:
    message = sealed_messages.seal_anonymous(DATA, [CAPSULE.certificate])
    assert sealed_messages.unseal_anonymous(message, CAPSULE, limit=LIMIT) == DATA
    with pytest.raises(NoValidSignatureError, match=SCIENTIST.fingerprint):
        sealed_messages.unseal(message, CAPSULE, signers=[SCIENTIST.certificate], limit=LIMIT)


def test_a_signature_of_somebody_else_does_not_count() -> None:
    message = sealed_messages.seal(DATA, [CAPSULE.certificate], signer=STRANGER)
    assert sealed_messages.unseal_anonymous(message, CAPSULE, limit=LIMIT) == DATA
    with pytest.raises(NoValidSignatureError, match="not signed, or by another key"):
        sealed_messages.unseal(message, CAPSULE, signers=[SCIENTIST.certificate], limit=LIMIT)


def test_a_signature_of_a_revoked_certificate_does_not_count() -> None:
    message = sealed_messages.seal(DATA, [CAPSULE.certificate], signer=SPARE)
    with pytest.raises(NoValidSignatureError):
        sealed_messages.unseal(message, CAPSULE, signers=[revoked(SPARE)], limit=LIMIT)


def test_somebody_has_to_be_named_as_signer_and_as_recipient() -> None:
    message = sealed_messages.seal(DATA, [CAPSULE.certificate], signer=SCIENTIST)
    with pytest.raises(CertificateError, match="no certificate"):
        sealed_messages.unseal(message, CAPSULE, signers=[], limit=LIMIT)
    with pytest.raises(CertificateError, match="no certificate"):
        sealed_messages.seal(DATA, [], signer=SCIENTIST)
    with pytest.raises(CertificateError, match="no certificate"):
        sealed_messages.seal_anonymous(DATA, [])


def test_a_revoked_certificate_is_not_sealed_to() -> None:
    with pytest.raises(CertificateError, match="is revoked"):
        sealed_messages.seal(DATA, [CAPSULE.certificate, revoked(SPARE)], signer=SCIENTIST)


def test_armour_is_taken_off() -> None:
    message = sealed_messages.seal(DATA, [CAPSULE.certificate], signer=SCIENTIST)
    armoured = pysequoia.armor(message, pysequoia.ArmorKind.Message).encode()
    assert sealed_messages.unseal(armoured, CAPSULE, signers=[SCIENTIST.certificate], limit=LIMIT) == DATA


def signed_only() -> bytes:
    return pysequoia.sign(pysequoia.Tsk.from_bytes(SCIENTIST.to_bytes()).signer(), DATA, armor=False)


MESSAGE = sealed_messages.seal(DATA, [CAPSULE.certificate], signer=SCIENTIST)
SESSION_KEY = packets(MESSAGE)[0]


NO_MESSAGES = {
    "nothing": b"",
    "one byte": b"\x85",
    "text": b"not OpenPGP at all" * 100,
    "a certificate": CAPSULE.certificate.armoured().encode(),
    "a key": CAPSULE.to_bytes(),
    "signed only": signed_only(),
    "a session key and signed only": SESSION_KEY + signed_only(),
    "a session key only": SESSION_KEY,
    "half": MESSAGE[: len(MESSAGE) // 2],
    "a byte too short": MESSAGE[:-1],
    "a byte too long": MESSAGE + b"\0",
    "two": MESSAGE + MESSAGE,
    "armour of nothing": b"-----BEGIN PGP MESSAGE-----\n\nAAAA\n-----END PGP MESSAGE-----\n",
    "armour without end": b"-----BEGIN PGP MESSAGE-----\n" * 100,
}


@pytest.mark.parametrize("message", NO_MESSAGES.values(), ids=NO_MESSAGES)
def test_what_is_no_message_is_said_to_be_none(message: bytes) -> None:
    for error in refusals(message):
        assert isinstance(error, MalformedMessageError)
        assert "\n" not in str(error)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, len(MESSAGE) - 1), st.integers(1, 255))
def test_a_changed_byte_never_gives_other_content(position: int, change: int) -> None:
    changed = bytearray(MESSAGE)
    changed[position] ^= change
    try:
        content = sealed_messages.unseal(bytes(changed), CAPSULE, signers=[SCIENTIST.certificate], limit=LIMIT)
    except SealError:
        return
    assert content == DATA


def test_the_limit_is_the_longest_content() -> None:
    message = sealed_messages.seal(bytes(LIMIT), [CAPSULE.certificate], signer=SCIENTIST)
    assert sealed_messages.unseal(message, CAPSULE, signers=[SCIENTIST.certificate], limit=LIMIT) == bytes(LIMIT)
    for limit in (LIMIT - 1, 100):
        with pytest.raises(MessageTooLargeError) as caught:
            sealed_messages.unseal(message, CAPSULE, signers=[SCIENTIST.certificate], limit=limit)
        assert caught.value.limit == limit


def test_a_flood_of_session_keys_is_given_up() -> None:
    """Looking through 100,000 of them takes a minute; the caller waits as long as it chose to."""
    other = packets(sealed_messages.seal_anonymous(b"", [STRANGER.certificate]))[0]
    assert [packet.tag for packet in PacketPile.from_bytes(MESSAGE)] == [Tag.PKESK, Tag.SEIP]
    with pytest.raises(UnsealTimeoutError, match=r"longer than 0\.5 s"):
        sealed_messages.unseal_anonymous(other * 100_000 + MESSAGE, CAPSULE, limit=10 << 20, timeout=0.5)


def test_a_failing_child_says_nothing_about_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(UnsealProcessError, match="ended with status 1"):
        sealed_messages.unseal_anonymous(MESSAGE, CAPSULE, limit=LIMIT)


def test_the_child_that_reads_strangers_messages_is_told_no_passphrase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    telling = tmp_path / "python"
    telling.write_text("#!/bin/sh\ncat > /dev/null\nenv\necho '{\"signed_by\": []}' >&2\n")
    telling.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(telling))
    for name in ("SONAR_CAPSULE_PASSPHRASE", "APE_ACCOUNTS_carol_PASSPHRASE", "KEPT"):
        monkeypatch.setenv(name, "correct horse")
    told = sealed_messages.unseal_anonymous(MESSAGE, CAPSULE, limit=LIMIT).decode().splitlines()
    assert [line for line in told if "correct horse" in line] == ["KEPT=correct horse"]


def test_content_without_a_name_under_it_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were pysequoia ever silent about a missing signature again, the parent would still ask for one."""
    silent = tmp_path / "python"
    silent.write_text("#!/bin/sh\ncat > /dev/null\necho content\necho '{\"signed_by\": []}' >&2\n")
    silent.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(silent))
    assert sealed_messages.unseal_anonymous(MESSAGE, CAPSULE, limit=LIMIT) == b"content\n"
    with pytest.raises(NoValidSignatureError, match="it is not signed"):
        sealed_messages.unseal(MESSAGE, CAPSULE, signers=[SCIENTIST.certificate], limit=LIMIT)


@few
@given(st.binary(max_size=1000))
def test_a_statement_names_its_signer(statement: bytes) -> None:
    signature = sealed_messages.sign(statement, SPARE)
    signers = [CAPSULE.certificate, SPARE.certificate]
    assert sealed_messages.verify(statement, signature, signers) == SPARE.certificate
    with pytest.raises(NoValidSignatureError):
        sealed_messages.verify(statement + b"\0", signature, signers)
    with pytest.raises(NoValidSignatureError, match=CAPSULE.fingerprint):
        sealed_messages.verify(statement, signature, [CAPSULE.certificate])
    with pytest.raises(NoValidSignatureError):
        sealed_messages.verify(statement, signature, [revoked(SPARE)])


NO_SIGNATURES = {
    "nothing": b"",
    "text": b"junk",
    "too long": bytes(20_000),
    "a message": MESSAGE,
    "a certificate": CAPSULE.certificate.armoured().encode(),
    "signed inside": signed_only(),
}


@pytest.mark.parametrize("signature", NO_SIGNATURES.values(), ids=NO_SIGNATURES)
def test_what_is_no_signature_is_said_to_be_none(signature: bytes) -> None:
    with pytest.raises(MalformedMessageError) as caught:
        sealed_messages.verify(DATA, signature, [CAPSULE.certificate])
    assert "\n" not in str(caught.value)


def test_a_statement_needs_a_signer_to_look_for() -> None:
    with pytest.raises(CertificateError, match="no certificate"):
        sealed_messages.verify(DATA, sealed_messages.sign(DATA, CAPSULE), [])
