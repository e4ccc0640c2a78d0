"""Key pairs per session: a short one for arithmetic, and one of 2048 bits from the vectors."""

from __future__ import annotations

import json
from pathlib import Path

import gmpy2
import pytest
from phe import PaillierPrivateKey, PaillierPublicKey

from syft.kernel import kernel_name
from syft.paillier import PrivateContext, PublicContext, generate_insecure_keypair

VECTORS = Path(__file__).parents[1] / "vectors"


def pytest_report_header():
    return f"arithmetic: {kernel_name()}"


@pytest.fixture(scope="session")
def private():
    """The context of the owner of a 512-bit key."""
    return PrivateContext(generate_insecure_keypair(512)[1])


@pytest.fixture(scope="session")
def public(private):
    """A context with the same public key and its own re-randomiser."""
    return PublicContext(private.public_key)


@pytest.fixture(scope="session")
def full_size_keys():
    """Key pairs of 2048 bits, or longer ones from the next primes."""

    def key_of(bits):
        key = json.loads((VECTORS / "test_key_2048.json").read_text())
        stretch = bits // 2 - 1024
        p, q = (
            int(gmpy2.next_prime(int(key[name], 16) << stretch)) if stretch else int(key[name], 16) for name in "pq"
        )
        return PaillierPrivateKey(PaillierPublicKey(p * q), p, q)

    return key_of


@pytest.fixture(scope="session")
def full_size(full_size_keys):
    """A key pair of 2048 bits."""
    return PrivateContext(full_size_keys(2048))


@pytest.fixture(scope="session")
def vectors():
    """Reads a file of vectors by its name."""
    return lambda name: json.loads((VECTORS / f"{name}.json").read_text())
