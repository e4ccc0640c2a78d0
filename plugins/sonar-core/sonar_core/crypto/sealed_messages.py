"""Sealed messages (OpenPGP, encrypted to all certificates of a keyring) and signed statements.

Messages come from strangers. A kilobyte of OpenPGP can decompress to gigabytes, and a few megabytes of session keys can
keep a processor busy for minutes; pysequoia has no limits and holds the interpreter lock meanwhile. So each message is
unsealed in a child process (`_unseal_child.py`), which writes the content to a pipe. The parent bounds bytes and time,
and kills the child if either is exceeded.
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
from sonar_core.crypto.certificates import Certificate, CertificateError, Key, first_line, format_keyring

#: Default time-out of unsealing one message, in seconds.
UNSEAL_TIMEOUT = 60.0
_CHILD = Path(__file__).with_name("_unseal_child.py")
_PIECE = 1 << 20
#: Bytes that a message may have beside its content: session keys, signatures, headers of the armour.
_OVERHEAD = 1 << 16
_LONGEST_SIGNATURE = 1 << 14
_SESSION_KEY_PACKET = 1
_ARMOUR = re.compile(rb"\s*-----BEGIN PGP MESSAGE-----[ \t]*\r?\n(?:[^\r\n]+\r?\n)*[ \t]*\r?\n([A-Za-z0-9+/]{4})")


class SealError(SonarError):
    """Root of the errors of sealed messages and signed statements."""


class MalformedMessageError(SealError, ValueError):
    """No encrypted OpenPGP message, or one that was damaged or changed in transit."""


class WrongKeyError(SealError, LookupError):
    """A message that is sealed to other keys.

    Attributes:
        fingerprints: those of the keys that were tried.
    """

    def __init__(self, *fingerprints: str) -> None:
        super().__init__(*fingerprints)
        self.fingerprints = fingerprints

    def __str__(self) -> str:
        tried = " or ".join(self.fingerprints)
        return f"the message is not sealed to key {tried}: open it with the key it was sealed to"


class NoValidSignatureError(SealError, ValueError):
    """A message or statement without a valid signature of one of the expected signers.

    Attributes:
        signers: fingerprints of the expected signers.
        why: the reason.
    """

    def __init__(self, signers: Sequence[str], why: str) -> None:
        super().__init__(signers, why)
        self.signers = signers
        self.why = why

    def __str__(self) -> str:
        return f"no valid signature of {' or '.join(self.signers)}: {self.why}"


class MessageTooLargeError(SealError, ValueError):
    """A message whose content is longer than allowed, after decompression.

    Attributes:
        limit: the most bytes of content allowed.
    """

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit

    def __str__(self) -> str:
        return f"the message holds more than the {self.limit} bytes that are allowed here: it was not read"


class UnsealTimeoutError(SealError, TimeoutError):
    """A message that takes too long to unseal.

    Attributes:
        timeout: the limit, in seconds.
    """

    def __init__(self, timeout: float) -> None:
        super().__init__(timeout)
        self.timeout = timeout

    def __str__(self) -> str:
        return f"unsealing the message took longer than {self.timeout:g} s: it was given up"


class UnsealProcessError(SealError, RuntimeError):
    """A failure of the child process that unseals messages; it says nothing about the message.

    Attributes:
        status: exit status, or minus the number of the signal that ended it.
        output: its standard error.
    """

    def __init__(self, status: int, output: bytes) -> None:
        super().__init__(status, output)
        self.status = status
        self.output = output

    def __str__(self) -> str:
        last_line = self.output.decode("utf-8", "replace").strip().rpartition("\n")[2]
        return f"the process that unseals messages ended with status {self.status}: {last_line or 'no output'}"


class _ChildAnswer(TypedDict, total=False):
    """The child's JSON on standard error."""

    error: str
    key: int
    signed_by: list[str]


def seal(data: bytes, recipients: Sequence[Certificate], *, signer: Key) -> bytes:
    """Signs `data` and encrypts it to all of `recipients`; a binary OpenPGP message.

    Raises:
        CertificateError: no recipients; a recipient that is revoked, expired or unfit for encryption; or a signer
            that has expired.
    """
    certs = [certificate.recipient() for certificate in _some(recipients)]
    try:
        return encrypt(data, recipients=certs, signer=signer.signer(), armor=False)
    except RuntimeError as error:
        raise CertificateError(f"key {signer.fingerprint} cannot sign: {first_line(error)}") from None


def seal_anonymous(data: bytes, recipients: Sequence[Certificate]) -> bytes:
    """As `seal`, without a signature."""
    certs = [certificate.recipient() for certificate in _some(recipients)]
    return encrypt(data, recipients=certs, armor=False)


def unseal(
    message: bytes,
    key: Key | Sequence[Key],
    *,
    signers: Sequence[Certificate],
    limit: int,
    timeout: float = UNSEAL_TIMEOUT,
) -> bytes:
    """Decrypts a message that one of `signers` signed; its content.

    Args:
        message: an OpenPGP message, armoured or not.
        key: one key, or several, which are tried in order.
        signers: certificates of the expected signers, at least one; expired and revoked ones do not count.
        limit: most bytes of content.
        timeout: limit of time, in seconds.

    Raises:
        MalformedMessageError: not an encrypted OpenPGP message, or a changed one.
        WrongKeyError: it is sealed to other keys.
        NoValidSignatureError: it is not signed, or by none of `signers`.
        MessageTooLargeError: its content is longer than `limit`.
        UnsealTimeoutError: it takes longer than `timeout`.
        CertificateError: no signers.
    """
    content, answer = _open(message, key, _some(signers), limit, timeout)
    if not answer["signed_by"]:
        raise NoValidSignatureError(_fingerprints(signers), "it is not signed")
    return content


def unseal_anonymous(message: bytes, key: Key | Sequence[Key], *, limit: int, timeout: float = UNSEAL_TIMEOUT) -> bytes:
    """As `unseal`, for a message of an unknown sender: **no signature is checked**."""
    content, _ = _open(message, key, (), limit, timeout)
    return content


def unsealing_key(message: bytes, keys: Sequence[Key], *, limit: int, timeout: float = UNSEAL_TIMEOUT) -> Key:
    """The first of several keys that unseals a message. Raises as `unseal_anonymous`."""
    _, answer = _open(message, keys, (), limit, timeout)
    return keys[answer["key"]]


def sign(statement: bytes, key: Key) -> bytes:
    """A detached, armoured signature of `statement`. Raises CertificateError when `key` has expired."""
    try:
        return sign_bytes(key.signer(), statement, mode=SignatureMode.DETACHED)
    except RuntimeError as error:
        raise CertificateError(f"key {key.fingerprint} cannot sign: {first_line(error)}") from None


def verify(statement: bytes, signature: bytes, signers: Sequence[Certificate]) -> Certificate:
    """Checks a detached signature; the certificate of its signer.

    Args:
        statement: exactly the bytes that were signed.
        signature: a detached signature, armoured or not.
        signers: certificates of the expected signers, at least one.

    Raises:
        MalformedMessageError: `signature` is no OpenPGP signature.
        NoValidSignatureError: it is of another statement, or of none of `signers`.
        CertificateError: no signers.
    """
    _some(signers)
    if len(signature) > _LONGEST_SIGNATURE:
        raise MalformedMessageError(f"a signature has at most {_LONGEST_SIGNATURE} bytes, not {len(signature)}")
    try:
        sig = Sig.from_bytes(signature)
    except (RuntimeError, OSError) as error:
        raise MalformedMessageError(f"this is no OpenPGP signature: {first_line(error)}") from None
    certs = [certificate.verifier() for certificate in signers]
    try:
        valid = verify_bytes(bytes=statement, signature=sig, store=lambda _ids: certs).valid_sigs
    except (RuntimeError, OSError) as error:
        raise NoValidSignatureError(_fingerprints(signers), first_line(error)) from None
    names = {good.certificate.upper() for good in valid}
    return next(certificate for certificate in signers if certificate.fingerprint in names)


def _open(
    message: bytes, key: Key | Sequence[Key], signers: Sequence[Certificate], limit: int, timeout: float
) -> tuple[bytes, _ChildAnswer]:
    """The content, and the child's answer: the key that unsealed it, and the fingerprints of the valid signers."""
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
        content, answer = _run_child(request, limit, timeout)
    if "error" in answer:
        raise _error_of(answer["error"], keys, signers)
    return content, answer


def _run_child(request: dict[str, str | list[str] | None], limit: int, timeout: float) -> tuple[bytes, _ChildAnswer]:
    """Runs the child: at most `limit` bytes of content, and the child's answer."""
    child = subprocess.Popen(  # noqa: S603  this very interpreter and a file of this package
        [sys.executable, "-P", "-W", "ignore", str(_CHILD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_without_passphrases(os.environ) | {"RUST_BACKTRACE": "0"},
    )
    clock = Timer(timeout, child.kill)
    clock.start()
    with child:
        try:
            content, output = _converse(child, json.dumps(request).encode("ascii"), limit)
            status = child.wait()
            if clock.finished.is_set():
                raise UnsealTimeoutError(timeout)
        finally:
            clock.cancel()
            child.kill()
    try:
        answer: _ChildAnswer = json.loads(output)
    except ValueError:
        raise UnsealProcessError(status, output) from None
    return content, answer


def _without_passphrases(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without passphrases: the child, which parses a stranger's message, needs none."""
    return {name: value for name, value in environment.items() if not name.endswith("_PASSPHRASE")}


def _converse(child: subprocess.Popen[bytes], request: bytes, limit: int) -> tuple[bytes, bytes]:
    """Writes the request to the child; its standard output and standard error. Raises MessageTooLargeError."""
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


def _error_of(message: str, keys: Sequence[Key], signers: Sequence[Certificate]) -> SealError:
    """The error for a message of pysequoia 0.1.35; a test pins its wording."""
    if message.startswith(NO_KEY):
        return WrongKeyError(*(key.fingerprint for key in keys))
    if message.startswith("Signature verification failed"):
        return NoValidSignatureError(_fingerprints(signers), "it is not signed, or by another key")
    if message.startswith("Unexpected message structure"):
        return NoValidSignatureError(
            _fingerprints(signers),
            "it is not signed, or compressed after signing (gpg: use --compress-algo none)",
        )
    return MalformedMessageError(f"the message is damaged: {message}")


def _some(certificates: Sequence[Certificate]) -> Sequence[Certificate]:
    if not certificates:
        raise CertificateError("no certificate was given")
    return certificates


def _fingerprints(certificates: Sequence[Certificate]) -> tuple[str, ...]:
    return tuple(certificate.fingerprint for certificate in certificates)


def _first_packet(message: bytes) -> int | None:
    """Tag of the first OpenPGP packet (RFC 9580, 4.2), or None if the bytes are no packet."""
    armour = _ARMOUR.match(message[:4096])
    head = base64.b64decode(armour[1]) if armour else message[:1]
    if not head or not head[0] & 0x80:
        return None
    return head[0] & 0x3F if head[0] & 0x40 else (head[0] & 0x3F) >> 2
