"""Interface of the public-key operations that an `EncryptedTensor` needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from gmpy2 import mpz
from phe import PaillierPublicKey

from syft.integers import SignedIntegers
from syft.kernel import Ring


class CiphertextArithmetic(Protocol):
    """Operations on ciphertexts modulo n^2; `PublicContext` implements them.

    Attributes:
        public_key: phe's public key.
        n, nsquare: the modulus and its square.
        n_bits: bit length of n.
        threads: threads that an operation may use.
        ring: arithmetic modulo n^2.
    """

    public_key: PaillierPublicKey
    n: mpz
    nsquare: mpz
    n_bits: int
    threads: int
    ring: Ring

    @property
    def ciphertext_bytes(self) -> int:
        """Bytes of a ciphertext in the wire format."""

    def add(self, left: Sequence[mpz], right: Sequence[mpz]) -> list[mpz]:
        """Ciphertexts of the sums of plaintexts, pair by pair."""

    def add_plaintexts(self, ciphertexts: Sequence[mpz], plaintexts: Sequence[int]) -> list[mpz]:
        """Ciphertexts whose plaintexts are larger by `plaintexts`, pair by pair."""

    def scale(self, ciphertexts: Sequence[mpz], factor: int) -> list[mpz]:
        """Ciphertexts whose plaintexts are multiplied by a signed integer."""

    def product(self, matrix: SignedIntegers, ciphertexts: Sequence[mpz], width: int) -> list[mpz]:
        """Ciphertexts of matrix @ plaintexts; row-major, `width` ciphertexts per row."""

    def affine(
        self, matrix: SignedIntegers, ciphertexts: Sequence[mpz], width: int, offset: Callable[[], Sequence[int]]
    ) -> list[mpz]:
        """Ciphertexts of matrix @ plaintexts + offset(), under fresh randomness; row-major."""

    def rerandomise(self, ciphertexts: Sequence[mpz]) -> list[mpz]:
        """Ciphertexts of the same plaintexts under fresh randomness."""
