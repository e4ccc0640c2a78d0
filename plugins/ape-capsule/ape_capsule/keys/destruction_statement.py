"""The signed public statement that a Capsule has destroyed a Campaign's key pair."""

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
    """States that a Campaign's key pair is destroyed.

    Attributes:
        chain_id, contract, capsule, campaign: whose key pair it was.
        public_key_root: Merkle root of its public half, as on chain.
        destroyed_at: Unix seconds, by the Capsule's clock.
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
        """Reads what `to_bytes` wrote. Raises FormatError."""
        try:
            return cls.model_validate(from_canonical("statement", data, limit=_LARGEST))
        except ValidationError as error:
            raise FormatError("statement", explain(error)) from None


def publish_statement(
    folder: Path, destruction: DestructionStatement, identity: Identity, signer: Certificate
) -> tuple[Path, Path]:
    """Writes a statement and its detached signature; an existing statement stays as it is.

    Args:
        folder: for both files; made if it is missing.
        destruction: the statement.
        identity: the Capsule's.
        signer: by whose key: the certificate by which readers know the Capsule.

    Returns:
        Paths of the statement and of its signature.

    Raises:
        KeyNotHeldError: the identity has no such key.
        CertificateError: its certificate has expired.
        OSError: a file cannot be written.
    """
    folder.mkdir(exist_ok=True, mode=0o700)
    statement = folder / f"{destruction.campaign[2:]}.json"
    signature = statement.with_suffix(".json.asc")
    if not statement.exists():
        write_atomically(statement, destruction.to_bytes())
    # Signs the file on disk, since a statement of before a crash has another time.
    write_atomically(signature, identity.sign(statement.read_bytes(), signer=signer))
    return statement, signature


def check_statement(statement: bytes, signature: bytes, ring: Sequence[Certificate]) -> DestructionStatement:
    """Reads a statement that a certificate of the Capsule's ring signed. Raises SealError, FormatError."""
    verify(statement, signature, ring)
    return DestructionStatement.from_bytes(statement)
