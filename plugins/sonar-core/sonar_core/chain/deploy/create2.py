"""Addresses that follow from the code alone: CREATE2 (EIP-1014) through the deterministic deployment proxy.

The proxy is one contract without owner or state, at one address on every chain: it creates what it is sent, a salt in
front. Where a chain lacks it, a transaction that nobody holds the key of puts it there (Nick's method).
"""

from __future__ import annotations

from eth_utils import keccak, to_checksum_address

#: Where the proxy stands on every chain, and its code.
PROXY = "0x4e59b44847b379578588920cA78FbF26c0B4956C"
PROXY_CODE = bytes.fromhex(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd"
    "5b8082525050506014600cf3"
)
#: The one transaction that creates the proxy, the account it comes from, and what that must hold in wei: 100,000 gas at
#: 100 gwei.
PROXY_TRANSACTION = (
    bytes.fromhex("f8a58085174876e800830186a08080b853604580600e600039806000f350fe")
    + PROXY_CODE
    + bytes.fromhex("1ba0" + 32 * "22" + "a0" + 32 * "22")
)
PROXY_SIGNER = "0x3fAB184622Dc19b6109349B94811493BF2a45362"
PROXY_PRICE = 10**16
#: Sonar takes no choice: one address a commit.
SALT = bytes(32)


def create2_address(creation_code: bytes) -> str:
    """Checksummed address at which the proxy deploys a contract.

    >>> create2_address(bytes(1))
    '0x24C4fD2Db1Cf4Cb1aEc651CC0E060A00D400e784'
    """
    digest = keccak(b"\xff" + bytes.fromhex(PROXY[2:]) + SALT + keccak(creation_code))
    return to_checksum_address(digest[12:])


def creation_call(creation_code: bytes) -> bytes:
    """Call data for the proxy."""
    return SALT + creation_code
