"""Content addresses: 32 bytes on chain, `Qm...` as text.

An address is the sha2-256 digest of a CIDv0 object (dag-pb); the text form is base58btc over the multihash
`0x12 0x20 | digest` (https://github.com/multiformats/cid#cidv0).
"""

from __future__ import annotations

import base58

from sonar_core.base.errors import SonarError

#: Length of an address on chain, in bytes.
WIDTH = 32
#: Multihash header: sha2-256, 32 bytes.
_MULTIHASH = b"\x12\x20"
_TEXT_WIDTH = 46


class InvalidAddressError(SonarError, ValueError):
    """A value that is no content address.

    Attributes:
        value: what was given.
        why: the rule it breaks.
    """

    def __init__(self, value: object, why: str) -> None:
        super().__init__(value, why)
        self.value = value
        self.why = why

    def __str__(self) -> str:
        return f"{self.value!r:.80} is no content address: {self.why}"


def check(address: bytes) -> bytes:
    """The address unchanged, if it is 32 bytes. Raises InvalidAddressError."""
    if not isinstance(address, bytes) or len(address) != WIDTH:
        raise InvalidAddressError(address, f"it must be {WIDTH} bytes, the sha2-256 digest of the object")
    return address


def to_cid(address: bytes) -> str:
    """The `Qm...` form of 32 bytes. Raises InvalidAddressError."""
    return str(base58.b58encode(_MULTIHASH + check(address)), "ascii")


def from_cid(cid: str) -> bytes:
    """The 32 bytes of `Qm...`: the strict inverse of `to_cid`. Raises InvalidAddressError."""
    if not isinstance(cid, str) or len(cid) != _TEXT_WIDTH or not cid.startswith("Qm"):
        raise InvalidAddressError(cid, f"it must be a CIDv0, {_TEXT_WIDTH} letters and digits from 'Qm' on")
    try:
        multihash: bytes = base58.b58decode(cid)
    except (ValueError, KeyError):
        raise InvalidAddressError(cid, "a letter is not of the base58 alphabet") from None
    address = multihash[len(_MULTIHASH) :]
    if len(address) != WIDTH or to_cid(address) != cid:
        raise InvalidAddressError(cid, "it does not hold a sha2-256 digest")
    return address
