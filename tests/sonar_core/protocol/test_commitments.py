from __future__ import annotations

import numpy as np
from eth_utils.crypto import keccak

from sonar_core.protocol import commitments, merkle
from syft.paillier import IntegerTensor, Openings, Packing, PrivateContext, generate_insecure_keypair


def _context() -> PrivateContext:
    return PrivateContext(generate_insecure_keypair(256)[1])


def test_every_leaf_has_the_width_the_formats_say() -> None:
    context = _context()
    n, h = int(context.n), int(context.h)
    assert commitments.public_key_root(context) == merkle.root([n.to_bytes(64, "big"), h.to_bytes(64, "big")])

    values = np.array([[1, -2], [3, 4], [-5, 6]], object)
    tensor = context.encrypt(IntegerTensor(values, 4, 7), Packing(16, 2))
    assert commitments.tensor_root(tensor) == merkle.root([int(c).to_bytes(64, "big") for c in tensor.ciphertexts])

    openings = Openings([-1, 2], [5, n - 1])
    leaves = [(n - 1, 5), (2, n - 1)]
    expected = merkle.root([m.to_bytes(32, "big") + r.to_bytes(32, "big") for m, r in leaves])
    assert commitments.openings_root(context, openings) == expected


def test_evidence_binds_openings_and_predictions() -> None:
    salts = np.arange(32, dtype=np.uint8).reshape(2, 16)
    predictions = np.array([3, 258])
    leaves = [bytes(range(16)) + bytes(7) + b"\x03", bytes(range(16, 32)) + bytes(6) + b"\x01\x02"]
    root = commitments.predictions_root(salts, predictions)
    assert root == commitments.predictions_root(salts, predictions[:, None]) == merkle.root(leaves)
    pairs = np.array([[1, 2], [3, 258]])
    assert commitments.predictions_root(salts, pairs) == merkle.root(
        [bytes(salt) + pair.astype(">i8").tobytes() for salt, pair in zip(salts, pairs, strict=True)]
    )
    assert commitments.evidence_root(b"o" * 32, root) == keccak(b"\x03" + b"o" * 32 + root)
