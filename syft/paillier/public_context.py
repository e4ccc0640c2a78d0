"""What belongs to a public key and is made once, and the operations that need it: a Mine's side."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import cached_property, partial
from itertools import repeat
from typing import Any

import gmpy2
import numpy as np
from gmpy2 import mpz
from phe import PaillierPublicKey

from syft.errors import CiphertextInvalidError, KeyInvalidError
from syft.kernel import Pool, cores, ring
from syft.paillier.fixedbase import FixedBasePower
from syft.paillier.inversion import invert_all
from syft.paillier.multiexp import multi_exponentiate
from syft.paillier.packing import Packing
from syft.paillier.tensor import EncryptedTensor, IntegerTensor
from syft.spread import Spread
from syft.whole import SignedIntegers


class PublicContext:
    """A public key with its re-randomiser.

    A fresh n-th residue is hs^a, where hs = h^n mod n^2 for a published h = -x^2 mod n, with exponents a of half the
    length of n (Damgard, Jurik and Nielsen, "A generalization of Paillier's public-key system with applications to
    electronic voting", 2010, section 4.1).

    All powers of h have Jacobi symbol 1, so they alone would leave the symbol of a ciphertext as it was: anybody could
    read off a Gradient the parity of the matrix entries that met symbol -1. Every residue is therefore multiplied, at
    the toss of a coin, by the n-th power of a number of symbol -1.

    Args:
        public_key: phe's public key.
        h: the residue to build on; made afresh if none is given, as a Mine does that trusts no published one.
        threads: how many threads an operation may use, at least 1; None for as many as the process has cores.
        spread: where products of a matrix with ciphertexts are computed; None for this process. Not kept in copies.

    Attributes:
        public_key, h, spread: as given, or made.
        n, nsquare: the modulus and its square.
        n_bits: bits of n.
        ring: arithmetic modulo n^2.

    Raises:
        KeyInvalidError: n is even; h is not a unit modulo n, or generates next to nothing.
        ThreadCountError: less than one thread.
    """

    def __init__(
        self,
        public_key: PaillierPublicKey,
        h: int | None = None,
        *,
        threads: int | None = None,
        spread: Spread | None = None,
    ) -> None:
        self.public_key = public_key
        self.spread = spread
        self.threads = cores() if threads is None else threads
        self.n = mpz(public_key.n)
        self.nsquare = self.n * self.n
        self.n_bits = int(self.n).bit_length()
        if gmpy2.is_even(self.n):
            raise KeyInvalidError("the modulus is even")
        self.ring = ring(int(self.n), 2, self.threads)
        self.h = self._fresh_h() if h is None else mpz(h)
        if not 1 < self.h < self.n - 1 or gmpy2.gcd(self.h, self.n) != 1:
            raise KeyInvalidError("the re-randomiser h is not a unit modulo n, or is 1 or -1")

    def __reduce__(self) -> tuple[Any, ...]:
        """Copied to another process, it is made anew: there may be another kernel."""
        return partial(PublicContext, threads=self.threads), (self.public_key, int(self.h))

    @property
    def ciphertext_bytes(self) -> int:
        """Width of a ciphertext on the wire."""
        return self.n_bits // 4

    @property
    def plaintext_bytes(self) -> int:
        """Width of a plaintext, or of an n-th root, on the wire."""
        return self.n_bits // 8

    def encrypt(self, tensor: IntegerTensor, packing: Packing) -> EncryptedTensor:
        """Encrypts integers, several to a plaintext.

        Raises:
            PlaintextRangeError: an integer exceeds the tensor's own bound.
            SlotOverflowError: the tensor's bound does not fit the slots.
        """
        tensor.check_bound()
        packing.require(tensor.bound)
        ciphertexts = self.raw_encrypt(packing.pack(tensor.values))
        return EncryptedTensor(self, ciphertexts, tensor.shape, packing, tensor.exponent, tensor.bound)

    def rerandomise(self, ciphertexts: Sequence[mpz]) -> list[mpz]:
        """The same plaintexts under fresh randomness."""
        residues = self.fresh_residues(len(ciphertexts))
        return [c * r % self.nsquare for c, r in zip(ciphertexts, residues, strict=True)]

    def fresh_residues(self, count: int) -> list[mpz]:
        """n-th residues, each the encryption of 0: times one of its own, a ciphertext is under fresh randomness."""
        return self.ring.unload(self.residue_pool(count))

    def check_ciphertexts(self, ciphertexts: Sequence[int]) -> None:
        """Checks that a stranger's numbers are ciphertexts: 0 < c < n^2, and prime to n.

        This does not bound what they hold: a decryption still checks its range.

        Raises:
            CiphertextInvalidError: names the first that is out of range; a common factor
                is found in the product of all.
        """
        product = mpz(1)
        for index, ciphertext in enumerate(ciphertexts):
            if not 0 < ciphertext < self.nsquare:
                raise CiphertextInvalidError("out of range", index)
            product = product * ciphertext % self.n
        if gmpy2.gcd(product, self.n) != 1:
            raise CiphertextInvalidError("a ciphertext shares a factor with the modulus")

    def raw_add(self, ciphertext: mpz, plaintext: int) -> mpz:
        """A ciphertext of m more than c holds: c (1 + n)^m = c (1 + n m) = c + n (c m mod n)."""
        return (ciphertext + self.n * (ciphertext * plaintext % self.n)) % self.nsquare

    def raw_encrypt(self, plaintexts: Sequence[int]) -> list[mpz]:
        """Encrypts signed integers, each |m| < n / 2."""
        residues = self.fresh_residues(len(plaintexts))
        return [self.raw_add(r, m) for r, m in zip(residues, plaintexts, strict=True)]

    def product_pool(self, ciphertexts: Sequence[mpz], exponents: SignedIntegers, width: int) -> Pool:
        """For every row i and place c < width, prod_j ciphertexts[width j + c]^exponents[i, j]; in the ring, row-major.

        Made by `multi_exponentiate`, wherever work is spread to.

        Raises:
            SpreadError: a worker was lost for good.
        """
        places = [self._products(ciphertexts[place::width], exponents) for place in range(width)]
        return np.stack(places, axis=1).reshape(-1, *places[0].shape[1:])

    def residue_pool(self, count: int) -> Pool:
        """What `fresh_residues` makes, in the ring."""
        bits = self.n_bits // 2 + 1
        return self._residue_power.powers([secrets.randbits(bits) for _ in range(count)])

    def add_to_pool(self, ciphertexts: Pool, plaintexts: Sequence[int]) -> Pool:
        """Makes them, in place, ciphertexts of so much more: c (1 + n m)."""
        bare = self.ring.load([1 + self.n * m for m in plaintexts])
        self.ring.multiply(ciphertexts, None, ciphertexts, None, bare, None)
        return ciphertexts

    def unload_sums(self, left: Pool, right: Pool) -> list[mpz]:
        """The ciphertexts, out of the ring, of what two pools of them hold together; `left` is overwritten."""

        def unload(part: slice) -> list[mpz]:
            self.ring.multiply(left[part], None, left[part], None, right[part], None)
            return self.ring.unload(left[part])

        parts = self.ring.workers.on_chunks(unload, len(left), self.ring.lanes)
        return [number for part in parts for number in part]

    def _products(self, bases: Sequence[mpz], exponents: SignedIntegers) -> Pool:
        if self.spread is None:
            return multi_exponentiate(self.ring, bases, exponents)
        parts = np.array_split(exponents, min(self.spread.workers, len(exponents)))
        same = (repeat(value) for value in (int(self.n), self.spread.threads, list(bases)))
        return self.ring.load([product for part in self.spread.map(_products, *same, parts) for product in part])

    def raw_powers(self, ciphertexts: Sequence[mpz], exponent: int) -> list[mpz]:
        """Every ciphertext to the same signed power: its plaintext times that integer."""
        if not (exponent and ciphertexts):
            return [mpz(1)] * len(ciphertexts)
        if exponent < 0:
            inverses, _ = invert_all(self.ring, self.ring.load(ciphertexts))
            return self.raw_powers(self.ring.unload(inverses), -exponent)
        doublings = (exponent & -exponent).bit_length() - 1
        odd = exponent >> doublings

        def work(pool: Pool, _: slice) -> None:
            if odd > 1:
                self.ring.power(pool, odd)
            self.ring.square(pool, doublings)

        return self.ring.transform(ciphertexts, work)

    def _fresh_h(self) -> mpz:
        while True:
            x = mpz(secrets.randbelow(int(self.n)))
            if gmpy2.gcd(x, self.n) == 1:
                return -x * x % self.n

    @cached_property
    def _residue_power(self) -> FixedBasePower:
        """hs^a, times the n-th power of a number of Jacobi symbol -1 where bit n_bits / 2 of the exponent is set."""
        hs = gmpy2.powmod(self.h, self.n, self.nsquare)
        return FixedBasePower(self.ring, hs, self.n_bits // 2, self._other_symbol())

    def _other_symbol(self) -> mpz:
        while True:
            x = mpz(secrets.randbelow(int(self.n)))
            if gmpy2.jacobi(x, self.n) == -1:
                return gmpy2.powmod(x, self.n, self.nsquare)


def _products(n: int, threads: int, bases: list[mpz], exponents: SignedIntegers) -> list[mpz]:
    """Some rows of a product, in whatever process this is."""
    own = ring(n, 2, threads)
    return own.unload(multi_exponentiate(own, bases, exponents))
