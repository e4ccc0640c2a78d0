"""The delivery, which the Capsule seals to the Data Scientist: the openings of the last Model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import Field

from sonar_core.base.errors import FormatError
from sonar_core.base.strict_model import StrictModel
from sonar_core.protocol.content_address import InvalidAddressError, from_cid, to_cid
from sonar_core.protocol.envelope import Hex32, Version, pack_envelope, unpack_envelope
from sonar_core.protocol.units import WAD


class _Header(StrictModel):
    accuracy: Annotated[str, Field(pattern=r"^(0|[1-9]\d{0,18})$")]
    campaign: Hex32
    format: Literal["sonar-delivery/1"]
    model: Annotated[str, Field(min_length=46, max_length=46)]
    version: Version


@dataclass(frozen=True, slots=True)
class Delivery:
    """The trained Model in the clear, with a proof that it is the encrypted Model on chain.

    Attributes:
        campaign: the Campaign's id, 32 bytes.
        version: version of the last Model.
        model: content address of the last Model, 32 bytes.
        accuracy: its accuracy, WAD.
        openings: wire bytes of the openings (plaintexts and n-th roots) of its ciphertexts.
    """

    campaign: bytes
    version: int
    model: bytes
    accuracy: int
    openings: bytes

    def to_bytes(self) -> bytes:
        """The bytes to sign and seal."""
        header = _Header(
            accuracy=str(self.accuracy),
            campaign="0x" + self.campaign.hex(),
            format="sonar-delivery/1",
            model=to_cid(self.model),
            version=self.version,
        )
        return pack_envelope(header, "openings", self.openings)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Parses an unsealed delivery. The openings stay bytes: `syft.wire` parses them.

        Raises:
            FormatError: not a delivery.
        """
        header, openings = unpack_envelope("delivery", data, _Header, "openings")
        try:
            model = from_cid(header.model)
        except InvalidAddressError as error:
            raise FormatError("delivery header", f"model: {error}") from None
        if int(header.accuracy) > WAD:
            raise FormatError("delivery header", f"the accuracy {header.accuracy} is more than 1.0")
        return cls(
            campaign=bytes.fromhex(header.campaign[2:]),
            version=header.version,
            model=model,
            accuracy=int(header.accuracy),
            openings=openings,
        )
