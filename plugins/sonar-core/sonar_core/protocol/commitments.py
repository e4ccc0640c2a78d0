"""The roots of docs/reference/formats.md: 32-byte commitments on chain to keys, Models, openings and predictions."""

from __future__ import annotations

import numpy as np
from eth_utils.crypto import keccak
from numpy.typing import NDArray

from sonar_core.protocol import merkle
from syft.paillier import EncryptedTensor, Openings, PublicContext

_EVIDENCE_TAG = b"\x03"


def public_key_root(context: PublicContext) -> bytes:
    """`CampaignStart.publicKeyRoot`: over n and the re-randomiser's h, each as wide as a ciphertext."""
    width = context.ciphertext_bytes
    return merkle.root([int(number).to_bytes(width, "big") for number in (context.n, context.h)])


def tensor_root(tensor: EncryptedTensor) -> bytes:
    """Merkle root of a Model or a Gradient: over its ciphertexts in row-major order."""
    return merkle.root(tensor.ciphertext_bytes())


def openings_root(context: PublicContext, openings: Openings) -> bytes:
    """Merkle root over `plaintext | n-th root` of each ciphertext; a negative plaintext m is encoded as n + m."""
    width, n = context.plaintext_bytes, int(context.n)
    pairs = zip(openings.plaintexts, openings.roots, strict=True)
    return merkle.root([int(m % n).to_bytes(width, "big") + int(r).to_bytes(width, "big") for m, r in pairs])


def predictions_root(salts: NDArray[np.uint8], predictions: NDArray[np.int64]) -> bytes:
    """Merkle root over `salt | prediction` of each validation row.

    Args:
        salts: the validation set's, uint8, shape (n, 16).
        predictions: the scored Model's, int64, shape (n,) or (n, answers).
    """
    numbers = predictions.reshape(len(predictions), -1).astype(">i8")
    return merkle.root([salt.tobytes() + one.tobytes() for salt, one in zip(salts, numbers, strict=True)])


def evidence_root(openings: bytes, predictions: bytes) -> bytes:
    """`Score.evidence`: hash of the roots of openings and predictions."""
    return keccak(_EVIDENCE_TAG + openings + predictions)
