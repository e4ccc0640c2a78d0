"""What a Capsule says in public when it has destroyed a Campaign's key pair: signed, so that it is held to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from ape_capsule.keys.openpgp_identity import Identity
from sonar_core.base.atomic_files import write_atomically
from sonar_core.base.canonical_json import from_canonical, to_canonical
from sonar_core.base.errors import FormatError
from sonar_core.base.strict_model import StrictModel, explain
from sonar_core.crypto.certificates import Certificate
from sonar_core.crypto.sealed_messages import verify

_LARGEST = 1 << 12
_Hash = Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$")]
_Address = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")]


class DestructionStatement(StrictModel):
    """That a Campaign's key pair is gone.

    Attributes:
        chain_id, contract, capsule, campaign: whose it was.
        public_key_root: of the public half, as the Campaign was opened with it.
        destroyed_at: seconds since 1970, by the Capsule's clock.
    """

    format: Literal["sonar-key-destroyed/1"] = "sonar-key-destroyed/1"
    chain_id: Annotated[int, Field(ge=1)]
    contract: _Address
    capsule: _Address
    campaign: _Hash
    public_key_root: _Hash
    destroyed_at: Annotated[int, Field(ge=0)]

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        return to_canonical(self.model_dump(mode="json"))

    @classmethod
    def from_bytes(cls, data: bytes) -> DestructionStatement:
        """What `to_bytes` gave. Raises FormatError."""
        try:
            return cls.model_validate(from_canonical("statement", data, limit=_LARGEST))
        except ValidationError as error:
            raise FormatError("statement", explain(error)) from None


def publish_statement(
    folder: Path, destruction: DestructionStatement, identity: Identity, signer: Certificate
) -> tuple[Path, Path]:
    """Keeps a statement and its detached signature; where they are. One that is there stays as it is.

    Args:
        signer: which of the identity's keys signs: the one that readers know it by.

    Raises:
        KeyNotHeldError: the identity has no such key.
        CertificateError: it has expired.
        OSError: they cannot be written.
    """
    folder.mkdir(exist_ok=True, mode=0o700)
    statement = folder / f"{destruction.campaign[2:]}.json"
    signature = statement.with_suffix(".json.asc")
    if not statement.exists():
        write_atomically(statement, destruction.to_bytes())
    # Of what is on disk: a crash in between may have left another moment there.
    write_atomically(signature, identity.sign(statement.read_bytes(), signer=signer))
    return statement, signature


def check_statement(statement: bytes, signature: bytes, ring: Sequence[Certificate]) -> DestructionStatement:
    """A statement that one certificate of the Capsule's ring signed. Raises SealError, FormatError."""
    verify(statement, signature, ring)
    return DestructionStatement.from_bytes(statement)
