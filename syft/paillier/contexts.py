"""A key with the tables that make its use fast: the public half for Mines, the private half for a Capsule."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import gmpy2
from gmpy2 import mpz
from numpy.typing import ArrayLike, NDArray
from phe import PaillierPrivateKey, PaillierPublicKey

from syft.errors import CiphertextInvalidError, KeyInvalidError
from syft.integers import IntegerTensor
from syft.paillier.comb import FixedBasePower
from syft.paillier.openings import Openings
from syft.paillier.packing import Packing
from syft.paillier.tensor import EncryptedTensor


class PublicContext:
    """A public key, and what encrypting and re-randomising under it needs.

    Fresh randomness is hs^e mod n^2 with hs = h^n, h = -x^2 mod n and e of n/2 random bits: Damgard, Jurik and
    Nielsen, "A generalization of Paillier's public-key system with applications to electronic voting" (2010),
    section 4.1. The powers come from a table, made at the first use and kept.

    Args:
        public_key: phe's public key.
        h: the re-randomiser's base as its key's owner publishes it. Without it the context makes its own, which
            is as good and trusts nobody.

    Attributes:
        public_key, h: as given or made.
        n, nsquare: the modulus and its square.
        n_length: bits of n.

    Raises:
        KeyInvalidError: h is no unit of Jacobi symbol 1, or is 1 or n - 1.
    """

    def __init__(self, public_key: PaillierPublicKey, h: int | None = None) -> None:
        self.public_key = public_key
        self.n = mpz(public_key.n)
        self.nsquare = self.n * self.n
        self.n_length = self.n.bit_length()
        self.h = self._own_base() if h is None else self._checked_base(mpz(h))

    def encrypt(
        self,
        values: IntegerTensor | ArrayLike,
        packing: Packing | None = None,
        exponent: int = 0,
        bound: int | None = None,
    ) -> EncryptedTensor:
        """Encrypts a matrix of signed integers under fresh randomness.

        Args:
            values: shape (d, k), integers; an IntegerTensor brings exponent and bound with it.
            packing: how columns share a ciphertext; default: the widest slots in the fewest ciphertexts.
            exponent: public binary point.
            bound: public bound on the absolute value; default: that of the values, which tells it.

        Raises:
            TensorMismatchError: not a matrix of integers.
            PlaintextRangeError: a value exceeds the bound.
            SlotOverflowError: the bound does not fit a slot.
        """

    def obfuscators(self, count: int) -> list[mpz]:
        """Fresh n-th residues mod n^2: encryptions of zero."""

    def check_ciphertexts(self, ciphertexts: Sequence[int]) -> None:
        """Checks that all are invertible mod n^2, at the cost of a product and one gcd.

        That bounds no plaintext: its owner has to look after decryption.

        Raises:
            CiphertextInvalidError: one is not in (0, n^2), or shares a factor with n.
        """


class PrivateContext(PublicContext):
    """A private key. All its powers are taken mod p^2 and q^2 and joined by the Chinese remainder theorem.

    Nothing here runs in constant time: see CAVEATS.md.

    Args:
        private_key: phe's private key.
        h: the re-randomiser's base that was published with the key.
    """

    def __init__(self, private_key: PaillierPrivateKey, h: int | None = None) -> None: ...

    def decrypt(self, tensor: EncryptedTensor) -> IntegerTensor:
        """The integers inside, with the tensor's exponent and bound.

        Raises:
            TensorMismatchError: encrypted under another key.
            PlaintextRangeError: an integer exceeds the tensor's bound, or lies above the slots: row, column, bits.
        """

    def open(self, tensor: EncryptedTensor) -> Openings:
        """Plaintext and n-th root of every ciphertext: what convinces others of a decryption."""
