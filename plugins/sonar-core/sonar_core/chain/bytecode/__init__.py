"""What creates the contracts of this commit: the compiler's output, byte for byte. Pure."""

from __future__ import annotations

from importlib import resources

from eth_abi.abi import encode


def registry_code() -> bytes:
    """Creation code of the CapsuleRegistry."""
    return _compiled("CapsuleRegistry")


def sonar_code(registry: str) -> bytes:
    """Creation code of Sonar, its constructor's argument appended.

    Args:
        registry: address of its CapsuleRegistry.
    """
    return _compiled("Sonar") + encode(["address"], [registry])


def _compiled(name: str) -> bytes:
    return bytes.fromhex(resources.files(__package__).joinpath(f"{name}.hex").read_text().strip().removeprefix("0x"))
