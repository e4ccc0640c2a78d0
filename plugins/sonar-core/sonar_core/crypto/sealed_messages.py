"""Sealed messages (OpenPGP, encrypted to every certificate of a ring) and signed statements.

What is opened here comes from strangers. A kilobyte of OpenPGP can unfold to gigabytes (compression), a few megabytes
can keep a processor busy for minutes (session keys by the thousand), and pysequoia neither stops nor lets go of the
interpreter. So a message is opened by a child process, `_opener.py`, that hands its content over through a pipe: the
parent reads as much as it allows for, waits as long as it allows for, and then ends the child.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from threading import Timer
from typing import TypedDict

from pysequoia import Sig, SignatureMode, encrypt
from pysequoia import sign as sign_bytes
from pysequoia import verify as verify_bytes

from sonar_core.base.errors import SonarError
from sonar_core.crypto._unseal_child import NO_KEY
from sonar_core.crypto.certificates import Certificate, CertificateError, Key, format_keyring, sequoia_says

#: Seconds that opening one message may take.
PATIENCE = 60.0
_OPENER = Path(__file__).with_name("_unseal_child.py")
_PIECE = 1 << 20
#: What a message may have on top of its content: armour, and session keys and signatures.
_OVERHEAD = 1 << 16
_LONGEST_SIGNATURE = 1 << 14
_SESSION_KEY_PACKET = 1
_ARMOUR = re.compile(rb"\s*-----BEGIN PGP MESSAGE-----[ \t]*\r?\n(?:[^\r\n]+\r?\n)*[ \t]*\r?\n([A-Za-z0-9+/]{4})")


class SealError(SonarError):
    """Root of what can go wrong with a sealed message or a signed statement."""


class MalformedMessageError(SealError, ValueError):
    """No encrypted OpenPGP message, or one that was damaged or changed on its way."""


class WrongKeyError(SealError, LookupError):
    """A message that is not sealed to this key.

    Attributes:
        fingerprints: of the keys that were tried.
    """

    def __init__(self, *fingerprints: str) -> None:
        super().__init__(*fingerprints)
        self.fingerprints = fingerprints

    def __str__(self) -> str:
        tried = " or ".join(self.fingerprints)
        return f"the message is not sealed to key {tried}: open it with the key it was sealed to"


class NoValidSignatureError(SealError, ValueError):
    """A message or statement without a valid signature of any of the signers asked for.

    Attributes:
        signers: their fingerprints.
        why: more about it.
    """

    def __init__(self, signers: Sequence[str], why: str) -> None:
        super().__init__(signers, why)
        self.signers = signers
        self.why = why

    def __str__(self) -> str:
        return f"no valid signature of {' or '.join(self.signers)}: {self.why}"


class MessageTooLargeError(SealError, ValueError):
    """A message, or what it unfolds to, longer than allowed.

    Attributes:
        limit: the most bytes of content allowed.
    """

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit

    def __str__(self) -> str:
        return f"the message holds more than the {self.limit} bytes allowed here: it was not read"


class UnsealTimeoutError(SealError, TimeoutError):
    """A message that takes too long to open.

    Attributes:
        patience: seconds it was given.
    """

    def __init__(self, patience: float) -> None:
        super().__init__(patience)
        self.patience = patience

    def __str__(self) -> str:
        return f"the message was not open after {self.patience:g} s: it was given up"


class UnsealProcessError(SealError, RuntimeError):
    """The child process that opens messages failed by itself: says nothing about the message.

    Attributes:
        status: its exit status, negative where a signal ended it.
        said: what it wrote to standard error.
    """

    def __init__(self, status: int, said: bytes) -> None:
        super().__init__(status, said)
        self.status = status
        self.said = said

    def __str__(self) -> str:
        said = self.said.decode("utf-8", "replace").strip().rpartition("\n")[2]
        return f"the process that opens messages ended with status {self.status}: {said or 'it said nothing'}"


class _ChildAnswer(TypedDict, total=False):
    """The child's line on standard error."""

    error: str
    key: int
    signed_by: list[str]


def seal(data: bytes, recipients: Sequence[Certificate], *, signer: Key) -> bytes:
    """`data` encrypted to every one of `recipients` and signed: a binary OpenPGP message.

    Raises:
        CertificateError: no recipients, one that is revoked, expired or cannot be encrypted to, or a key that
            cannot sign any more.
    """
    certs = [certificate.recipient() for certificate in _some(recipients)]
    try:
        return encrypt(data, recipients=certs, signer=signer.signer(), armor=False)
    except RuntimeError as error:
        raise CertificateError(f"key {signer.fingerprint} cannot sign: {sequoia_says(error)}") from None


def seal_anonymous(data: bytes, recipients: Sequence[Certificate]) -> bytes:
    """As `seal`, but nothing says who wrote it."""
    certs = [certificate.recipient() for certificate in _some(recipients)]
    return encrypt(data, recipients=certs, armor=False)


def unseal(
    message: bytes, key: Key | Sequence[Key], *, signers: Sequence[Certificate], limit: int, patience: float = PATIENCE
) -> bytes:
    """The content of a message that one of `signers` signed.

    Args:
        message: an OpenPGP message, armoured or not.
        key: one of those it is sealed to; or several, of which the first that it is sealed to opens it.
        signers: certificates of whoever may have written it, at least one; expired and revoked ones count not.
        limit: the most bytes of content.
        patience: seconds until it is given up.

    Raises:
        MalformedMessageError: not an encrypted OpenPGP message, or not as it was written.
        WrongKeyError: it is sealed to other keys.
        NoValidSignatureError: it is not signed, or by nobody of `signers`.
        MessageTooLargeError: its content is longer than `limit`.
        UnsealTimeoutError: opening it takes longer than `patience`.
        CertificateError: no signers.
    """
    content, verdict = _open(message, key, _some(signers), limit, patience)
    if not verdict["signed_by"]:
        raise NoValidSignatureError(_fingerprints(signers), "it is not signed")
    return content


def unseal_anonymous(message: bytes, key: Key | Sequence[Key], *, limit: int, patience: float = PATIENCE) -> bytes:
    """As `unseal`, but anybody may have written it: **no signature is checked**, if there is one."""
    content, _ = _open(message, key, (), limit, patience)
    return content


def unsealing_key(message: bytes, keys: Sequence[Key], *, limit: int, patience: float = PATIENCE) -> Key:
    """The first of several keys that a message is sealed to. Raises as `unseal_anonymous`."""
    _, verdict = _open(message, keys, (), limit, patience)
    return keys[verdict["key"]]


def sign(statement: bytes, key: Key) -> bytes:
    """A detached, armoured signature of `statement`. Raises CertificateError when `key` has expired."""
    try:
        return sign_bytes(key.signer(), statement, mode=SignatureMode.DETACHED)
    except RuntimeError as error:
        raise CertificateError(f"key {key.fingerprint} cannot sign: {sequoia_says(error)}") from None


def verify(statement: bytes, signature: bytes, signers: Sequence[Certificate]) -> Certificate:
    """The one of `signers` who signed `statement`.

    Args:
        statement: exactly the bytes that were signed.
        signature: a detached signature, armoured or not.
        signers: certificates of whoever may have signed, at least one.

    Raises:
        MalformedMessageError: `signature` is none.
        NoValidSignatureError: it is not of this statement, or of nobody of `signers`.
        CertificateError: no signers.
    """
    _some(signers)
    if len(signature) > _LONGEST_SIGNATURE:
        raise MalformedMessageError(f"a signature has at most {_LONGEST_SIGNATURE} bytes, not {len(signature)}")
    try:
        sig = Sig.from_bytes(signature)
    except (RuntimeError, OSError) as error:
        raise MalformedMessageError(f"this is no OpenPGP signature: {sequoia_says(error)}") from None
    certs = [certificate.verifier() for certificate in signers]
    try:
        valid = verify_bytes(bytes=statement, signature=sig, store=lambda _ids: certs).valid_sigs
    except (RuntimeError, OSError) as error:
        raise NoValidSignatureError(_fingerprints(signers), sequoia_says(error)) from None
    names = {good.certificate.upper() for good in valid}
    return next(certificate for certificate in signers if certificate.fingerprint in names)


def _open(
    message: bytes, key: Key | Sequence[Key], signers: Sequence[Certificate], limit: int, patience: float
) -> tuple[bytes, _ChildAnswer]:
    """The content, which key opened it, and the fingerprints of those of `signers` with a valid signature."""
    keys = [key] if isinstance(key, Key) else key
    if len(message) > 2 * limit + _OVERHEAD:
        raise MessageTooLargeError(limit)
    if _first_packet(message) != _SESSION_KEY_PACKET:
        raise MalformedMessageError("this is no encrypted OpenPGP message")
    with NamedTemporaryFile(prefix="sealed-") as file:
        file.write(message)
        file.flush()
        request = {
            "message": file.name,
            "keys": [base64.b64encode(one.to_bytes()).decode("ascii") for one in keys],
            "signers": format_keyring(signers).decode("ascii") if signers else None,
        }
        content, verdict = _run_child(request, limit, patience)
    if "error" in verdict:
        raise _why(verdict["error"], keys, signers)
    return content, verdict


def _run_child(request: dict[str, str | list[str] | None], limit: int, patience: float) -> tuple[bytes, _ChildAnswer]:
    """What the child wrote: at most `limit` bytes of content, and what it thinks of them."""
    child = subprocess.Popen(  # noqa: S603  this very interpreter and a file of this package
        [sys.executable, "-P", "-W", "ignore", str(_OPENER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_without_passphrases(os.environ) | {"RUST_BACKTRACE": "0"},
    )
    clock = Timer(patience, child.kill)
    clock.start()
    with child:
        try:
            content, said = _converse(child, json.dumps(request).encode("ascii"), limit)
            status = child.wait()
            if clock.finished.is_set():
                raise UnsealTimeoutError(patience)
        finally:
            clock.cancel()
            child.kill()
    try:
        verdict: _ChildAnswer = json.loads(said)
    except ValueError:
        raise UnsealProcessError(status, said) from None
    return content, verdict


def _without_passphrases(environment: Mapping[str, str]) -> dict[str, str]:
    """What reads a stranger's message need not know what opens vaults and accounts."""
    return {name: value for name, value in environment.items() if not name.endswith("_PASSPHRASE")}


def _converse(child: subprocess.Popen[bytes], request: bytes, limit: int) -> tuple[bytes, bytes]:
    """Sends the request; returns standard output and standard error. Raises MessageTooLargeError."""
    assert child.stdin and child.stdout and child.stderr  # noqa: PT018  all three are pipes
    with suppress(BrokenPipeError):
        child.stdin.write(request)
        child.stdin.close()
    content = bytearray()
    while piece := child.stdout.read(_PIECE):
        content += piece
        if len(content) > limit:
            raise MessageTooLargeError(limit)
    return bytes(content), child.stderr.read()


def _why(said: str, keys: Sequence[Key], signers: Sequence[Certificate]) -> SealError:
    """The error behind what pysequoia 0.1.35 says; a test holds it to these words."""
    if said.startswith(NO_KEY):
        return WrongKeyError(*(key.fingerprint for key in keys))
    if said.startswith("Signature verification failed"):
        return NoValidSignatureError(_fingerprints(signers), "it is not signed, or by somebody else")
    if said.startswith("Unexpected message structure"):
        return NoValidSignatureError(
            _fingerprints(signers),
            "it is not signed, or compressed after it was (gpg: use --compress-algo none)",
        )
    return MalformedMessageError(f"the message is damaged: {said}")


def _some(certificates: Sequence[Certificate]) -> Sequence[Certificate]:
    if not certificates:
        raise CertificateError("no certificate was given")
    return certificates


def _fingerprints(certificates: Sequence[Certificate]) -> tuple[str, ...]:
    return tuple(certificate.fingerprint for certificate in certificates)


def _first_packet(message: bytes) -> int | None:
    """The tag of the first OpenPGP packet (RFC 9580, 4.2), or None where there is none."""
    armour = _ARMOUR.match(message[:4096])
    head = base64.b64decode(armour[1]) if armour else message[:1]
    if not head or not head[0] & 0x80:
        return None
    return head[0] & 0x3F if head[0] & 0x40 else (head[0] & 0x3F) >> 2
