"""Comparison of the code on a chain with the code of this commit, byte for byte."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sonar_core.base.errors import SonarError
from sonar_core.chain.bytecode import registry_code, sonar_code
from sonar_core.chain.errors import NoContractError, readable
from sonar_core.chain.rpc import code_at


class BytecodeMismatchError(SonarError, ValueError):
    """The code at the address is not the code that this commit compiles to.

    Attributes:
        contract, address: which, and where.
        at: offset of the first byte that differs.
    """

    def __init__(self, contract: str, address: str, found: bytes, expected: bytes) -> None:
        self.contract, self.address = contract, address
        self.at = first_difference(found, expected)
        super().__init__(
            f"the {contract} at {address} is not the one of this commit: {len(found)} bytes of code, {len(expected)} "
            f"expected, other from byte {self.at} on. Check out the commit it was deployed from, or put no money there"
        )


@dataclass(frozen=True, slots=True)
class Verified:
    """Contracts whose code was compared byte for byte, immutables and metadata included.

    Attributes:
        sonar, registry: addresses.
        sonar_bytes, registry_bytes: length of their code.
    """

    sonar: str
    registry: str
    sonar_bytes: int
    registry_bytes: int


def verify(web3: Any, sonar: str, registry: str) -> Verified:
    """Compares the code of Sonar, and of the registry it names, with this commit's.

    Args:
        web3: of the chain; its node is believed.
        sonar: address of Sonar.
        registry: address that Sonar's own `registry()` gives.

    Raises:
        NoContractError: there is no code.
        BytecodeMismatchError: there is other code.
        ChainError: the chain cannot be reached.
    """
    own = require_code(web3, "Sonar", sonar, sonar_code(registry))
    other = require_code(web3, "CapsuleRegistry", registry, registry_code())
    return Verified(sonar, registry, own, other)


def require_code(web3: Any, contract: str, address: str, creation_code: bytes) -> int:
    """Bytes of the code at an address, which is what `creation_code` leaves on chain.

    Raises:
        NoContractError: there is no code.
        BytecodeMismatchError: there is other code.
    """
    found = code_at(web3, address)
    if not found:
        raise NoContractError(f"there is no contract {contract} at {address}: check the network")
    expected = _runtime_code(web3, creation_code)
    if found != expected:
        raise BytecodeMismatchError(contract, address, found, expected)
    return len(found)


def _runtime_code(web3: Any, creation_code: bytes) -> bytes:
    """Runtime code that a constructor returns, by a simulated call."""
    with readable():
        return bytes(web3.eth.call({"data": "0x" + creation_code.hex()}))


def first_difference(found: bytes, expected: bytes) -> int:
    """Offset of the first byte that differs.

    >>> first_difference(b"abc", b"abd"), first_difference(b"ab", b"abc")
    (2, 2)
    """
    both = min(len(found), len(expected))
    return next((place for place in range(both) if found[place] != expected[place]), both)
