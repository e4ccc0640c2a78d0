"""Key pairs made once: a short one for arithmetic, and one of full size from the vectors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from phe import PaillierPrivateKey, PaillierPublicKey

from syft.paillier import PrivateContext, PublicContext, generate_insecure_keypair

VECTORS = Path(__file__).parents[1] / "vectors"


@pytest.fixture(scope="session")
def private():
    """The key's owner; 512 bits."""
    return PrivateContext(generate_insecure_keypair(512)[1])


@pytest.fixture(scope="session")
def public(private):
    """A stranger with the public key and a re-randomiser of their own."""
    return PublicContext(private.public_key)


@pytest.fixture(scope="session")
def full_size():
    """A key pair of 2048 bits."""
    key = json.loads((VECTORS / "test_key_2048.json").read_text())
    p, q = int(key["p"], 16), int(key["q"], 16)
    return PrivateContext(PaillierPrivateKey(PaillierPublicKey(p * q), p, q))


@pytest.fixture(scope="session")
def vectors():
    """Reads a file of vectors by its name."""
    return lambda name: json.loads((VECTORS / f"{name}.json").read_text())
