"""Vaults: files that each hold one secret, encrypted under a passphrase.

The key comes from scrypt (RFC 7914), the cipher is AES-256-GCM (NIST SP 800-38D). A file is canonical JSON with bytes
in lower-case hex. The fields beside the ciphertext are authenticated with it, the purpose included: no file can stand
in for another. The checksum is no protection, since anybody can compute it; it tells a damaged file from a wrong
passphrase. Each write has a new salt, and so a new key.
"""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
from pathlib import Path
from typing import Annotated, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from pydantic import Field, ValidationError, field_validator

from sonar_core.base.atomic_files import write_atomically
from sonar_core.base.canonical_json import from_canonical, to_canonical
from sonar_core.base.errors import FormatError, SonarError, UsageError
from sonar_core.base.strict_model import StrictModel, explain

#: scrypt's n of new files: with r = 8 this takes 128 MiB of memory and about half a second.
COST = 1 << 17
#: Smallest n that is accepted (tests use it).
LOWEST_COST = 1 << 10
#: Largest n that is accepted, so that a file from elsewhere takes at most 1 GiB of memory.
HIGHEST_COST = 1 << 20
LONGEST_SECRET = 1 << 20

_KEY_BYTES = 32
_TAG_BYTES = 16
#: Hex takes two characters per byte; the other fields take less than 4 KiB.
_LONGEST_FILE = 2 * (LONGEST_SECRET + _TAG_BYTES) + 4096
_OWNER_ONLY = 0o600

_Salt = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
_Nonce = Annotated[str, Field(pattern=r"^[0-9a-f]{24}$")]
_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Hex = Annotated[str, Field(pattern=r"^([0-9a-f]{2})+$", min_length=2 * _TAG_BYTES)]
_Purpose = Annotated[str, Field(min_length=1, max_length=256)]


class VaultError(SonarError):
    """Root of the errors of vault files.

    Attributes:
        path: the file.
        why: what is wrong, and what to do.
    """

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(path, why)
        self.path = path
        self.why = why

    def __str__(self) -> str:
        return f"{self.path}: {self.why}"


class VaultNotFoundError(VaultError, LookupError):
    """A vault file that does not exist."""


class VaultExistsError(VaultError, ValueError):
    """A vault file that exists already and must not be replaced."""


class VaultCorruptError(VaultError, ValueError):
    """A damaged vault file, or a file of another kind."""


class VaultPurposeError(VaultError, ValueError):
    """A vault file whose secret has another purpose than the caller asked for."""


class WrongPassphraseError(VaultError, ValueError):
    """A wrong or empty passphrase."""


class _Kdf(StrictModel):
    name: Literal["scrypt"]
    n: Annotated[int, Field(ge=LOWEST_COST, le=HIGHEST_COST)]
    r: Literal[8]
    p: Literal[1]
    salt: _Salt

    @field_validator("n")
    @classmethod
    def _power_of_two(cls, n: int) -> int:
        if n & (n - 1):
            raise ValueError("must be a power of two")
        return n


class _Header(StrictModel):
    """The fields that are authenticated with the ciphertext."""

    format: Literal["sonar-vault/1"]
    purpose: _Purpose
    kdf: _Kdf
    cipher: Literal["aes-256-gcm"]
    nonce: _Nonce

    def authenticated(self) -> bytes:
        return to_canonical(self.model_dump(include=set(_Header.model_fields)))

    def cipher_for(self, passphrase: str) -> AESGCM:
        kdf = Scrypt(bytes.fromhex(self.kdf.salt), _KEY_BYTES, n=self.kdf.n, r=self.kdf.r, p=self.kdf.p)
        # surrogateescape: an environment variable may hold bytes that are not UTF-8.
        text = unicodedata.normalize("NFC", passphrase).encode("utf-8", "surrogateescape")
        return AESGCM(kdf.derive(text))

    def digest_with(self, ciphertext: bytes) -> str:
        return hashlib.sha256(self.authenticated() + ciphertext).hexdigest()


class _File(_Header):
    ciphertext: _Hex
    checksum: _Digest


def write(path: Path, secret: bytes, passphrase: str, *, purpose: str, cost: int = COST, replace: bool = False) -> None:
    """Encrypts `secret` into the file `path`, with permissions 0600; it is on disk when this returns.

    Args:
        path: the file; its folder exists.
        secret: 1 byte to 1 MiB.
        passphrase: not empty; normalised to Unicode NFC, so that the same characters match on every keyboard.
        purpose: kind of secret, such as `capsule-campaign-key:0x..`; `read` must name the same one. Not encrypted.
        cost: scrypt's n, a power of two from 2^10 to 2^20.
        replace: False refuses to replace an existing file.

    Raises:
        VaultExistsError: the file exists, and `replace` is false.
        WrongPassphraseError: the passphrase is empty.
        UsageError: `secret`, `purpose` or `cost` is out of bounds.
        OSError: the file cannot be written.
    """
    if not 0 < len(secret) <= LONGEST_SECRET:
        raise UsageError(f"a secret has 1 to {LONGEST_SECRET} bytes, not {len(secret)}")
    _require_passphrase(path, passphrase)
    header = _fresh_header(purpose, cost)
    nonce = bytes.fromhex(header.nonce)
    ciphertext = header.cipher_for(passphrase).encrypt(nonce, secret, header.authenticated())
    document = header.model_dump() | {"ciphertext": ciphertext.hex(), "checksum": header.digest_with(ciphertext)}
    try:
        write_atomically(path, to_canonical(document), mode=_OWNER_ONLY, replace=replace)
    except FileExistsError:
        raise VaultExistsError(path, "exists already; it was left as it is") from None


def read(path: Path, passphrase: str, *, purpose: str) -> bytes:
    """The secret in the file `path`.

    Raises:
        VaultNotFoundError: the file does not exist.
        VaultCorruptError: it is damaged, or no vault file.
        VaultPurposeError: its secret has another purpose.
        WrongPassphraseError: the passphrase is wrong, or the file was forged.
        OSError: the file cannot be read.
    """
    _require_passphrase(path, passphrase)
    file = _load(path)
    if file.purpose != purpose:
        raise VaultPurposeError(path, f"this vault holds {file.purpose!r}, not {purpose!r}")
    nonce, ciphertext = bytes.fromhex(file.nonce), bytes.fromhex(file.ciphertext)
    if file.digest_with(ciphertext) != file.checksum:
        raise VaultCorruptError(path, "the vault is damaged: restore it from a backup")
    try:
        return file.cipher_for(passphrase).decrypt(nonce, ciphertext, file.authenticated())
    except InvalidTag:
        raise WrongPassphraseError(path, "wrong passphrase of this vault") from None


def change_passphrase(path: Path, old: str, new: str, *, purpose: str, cost: int = COST) -> None:
    """Encrypts the same secret under another passphrase; an error leaves the old file. Raises as `read` and `write`."""
    write(path, read(path, old, purpose=purpose), new, purpose=purpose, cost=cost, replace=True)


def _fresh_header(purpose: str, cost: int) -> _Header:
    try:
        kdf = _Kdf(name="scrypt", n=cost, r=8, p=1, salt=secrets.token_hex(16))
        return _Header(
            format="sonar-vault/1", purpose=purpose, kdf=kdf, cipher="aes-256-gcm", nonce=secrets.token_hex(12)
        )
    except ValidationError as error:
        raise UsageError(f"invalid parameter of a vault: {explain(error)}") from None


def _load(path: Path) -> _File:
    try:
        with path.open("rb") as file:
            data = file.read(_LONGEST_FILE + 1)
    except FileNotFoundError:
        raise VaultNotFoundError(path, "no such vault file") from None
    try:
        return _File.model_validate(from_canonical("vault", data, limit=_LONGEST_FILE))
    except ValidationError as error:
        raise VaultCorruptError(path, f"is no vault file: {explain(error)}") from None
    except FormatError as error:
        raise VaultCorruptError(path, f"is no vault file: {error.why}") from None


def _require_passphrase(path: Path, passphrase: str) -> None:
    if not passphrase:
        raise WrongPassphraseError(path, "the passphrase of this vault is empty")
