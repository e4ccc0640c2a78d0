"""The bundle, which a Mine seals to the Capsule: a Gradient, its Miner and its Campaign (docs/reference/formats.md)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from pydantic import Field

from sonar_core.base.strict_model import StrictModel
from sonar_core.protocol.envelope import Hex20, Hex32, Version, pack_envelope, unpack_envelope

#: Domain of commitments, as Solidity pads a text literal to bytes32.
COMMITMENT_DOMAIN = b"sonar-gradient-1".ljust(32, b"\0")
_COMMITTED = ("bytes32", "uint256", "address", "bytes32", "address", "uint256", "bytes32", "bytes32")


class _Header(StrictModel):
    campaign: Hex32
    chain: Annotated[int, Field(ge=0, lt=2**53)]
    contract: Hex20
    format: Literal["sonar-bundle/1"]
    miner: Hex20
    salt: Hex32
    version: Version


def new_salt() -> bytes:
    """32 random bytes; without them a commitment would not hide a Gradient that can be guessed."""
    return secrets.token_bytes(32)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A Gradient, bound to one Miner, one Campaign and one chain.

    Attributes:
        chain_id: EIP-155 chain id.
        contract: address of Sonar, checksummed (EIP-55).
        campaign: the Campaign's id, 32 bytes.
        miner: address of the account that submits the Gradient, checksummed.
        version: version of the Model that the Gradient was computed from.
        salt: 32 bytes, see `new_salt`.
        gradient: an unsealed bundle: the wire bytes of the Gradient's encrypted tensor.
    """

    chain_id: int
    contract: str
    campaign: bytes
    miner: str
    version: int
    salt: bytes
    gradient: bytes

    def to_bytes(self) -> bytes:
        """The bytes to seal."""
        header = _Header(
            campaign="0x" + self.campaign.hex(),
            chain=self.chain_id,
            contract=self.contract.lower(),
            format="sonar-bundle/1",
            miner=self.miner.lower(),
            salt="0x" + self.salt.hex(),
            version=self.version,
        )
        return pack_envelope(header, "gradient", self.gradient)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Parses an unsealed bundle. The Gradient stays bytes: `syft.wire` parses it.

        Raises:
            FormatError: not a bundle.
        """
        header, gradient = unpack_envelope("bundle", data, _Header, "gradient")
        return cls(
            chain_id=header.chain,
            contract=to_checksum_address(header.contract),
            campaign=bytes.fromhex(header.campaign[2:]),
            miner=to_checksum_address(header.miner),
            version=header.version,
            salt=bytes.fromhex(header.salt[2:]),
            gradient=gradient,
        )

    def commitment(self, root: bytes) -> bytes:
        """The hiding commitment that is submitted on chain with the bundle's address.

        Args:
            root: Merkle root of the Gradient's ciphertexts (`sonar_core.protocol.commitments.tensor_root`).
        """
        who = (self.chain_id, self.contract, self.campaign, self.miner)
        return keccak(encode(_COMMITTED, (COMMITMENT_DOMAIN, *who, self.version, root, self.salt)))
