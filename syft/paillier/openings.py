"""Openings of Paillier ciphertexts: the plaintext, and the n-th root that proves it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import gmpy2

from syft.errors import OpeningInvalidError
from syft.kernel import ring
from syft.paillier._multi_exponentiation import product_of_powers
from syft.paillier.tensor import EncryptedTensor

#: Bit length of the random exponents of a batch verification.
CHALLENGE_BITS = 128


@dataclass(frozen=True)
class Openings:
    """Plaintexts and randomness of ciphertexts: c = (1 + n m) r^n mod n^2.

    Attributes:
        plaintexts: signed integers m, |m| < n / 2.
        roots: r, 0 < r < n.
    """

    plaintexts: Sequence[int]
    roots: Sequence[int]


def verify_openings(tensor: EncryptedTensor, openings: Openings) -> None:
    """Verifies that every ciphertext of a tensor holds the plaintext of its opening.

    All openings are verified together (Bellare, Garay and Rabin, "Fast batch verification", 1998): with random 128-bit
    t_i, prod c_i^t_i must equal (1 + n sum t_i m_i) (prod r_i^t_i)^n. A false plaintext leaves a factor (1 + n D) with
    D != 0 mod n. The order of this factor divides n and so is at least the smaller prime; the factor vanishes for at
    most one t_i in 2^128. (The sign of r, of order 2, may escape; it changes no plaintext.)

    Raises:
        OpeningInvalidError: their number or range is wrong, or a ciphertext holds another plaintext.
    """
    context = tensor.context
    n, n2 = context.n, context.nsquare
    if not len(openings.plaintexts) == len(openings.roots) == len(tensor.ciphertexts):
        raise OpeningInvalidError(
            f"{len(openings.plaintexts)} plaintexts and {len(openings.roots)} roots are no openings for "
            f"{len(tensor.ciphertexts)} ciphertexts"
        )
    if any(abs(m) > n // 2 for m in openings.plaintexts) or any(not 0 < r < n for r in openings.roots):
        raise OpeningInvalidError("an opening is out of range")
    challenges = [secrets.randbits(CHALLENGE_BITS) for _ in openings.roots]
    left = product_of_powers(context.ring, tensor.ciphertexts, challenges)
    roots = product_of_powers(ring(int(n), 1, context.threads), openings.roots, challenges)
    total = sum(t * m for t, m in zip(challenges, openings.plaintexts, strict=True))
    if left != (1 + n * (total % n)) * gmpy2.powmod(roots, n, n2) % n2:
        raise OpeningInvalidError("a ciphertext does not hold the plaintext of its opening")
