"""Operations under a public key, with everything that is computed once per key: a Mine's side."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from itertools import repeat
from typing import Any

import gmpy2
import numpy as np
from gmpy2 import mpz
from phe import PaillierPublicKey

from syft.errors import CiphertextInvalidError, KeyInvalidError
from syft.integers import SignedIntegers
from syft.kernel import Pool, cores, ring
from syft.paillier._batch_inversion import invert_all
from syft.paillier._fixed_base import FixedBasePower
from syft.paillier._multi_exponentiation import multi_exponentiate
from syft.paillier.packing import Packing
from syft.paillier.tensor import EncryptedTensor, IntegerTensor
from syft.task_executor import TaskExecutor


class PublicContext:
    """A public key with its re-randomiser.

    A fresh n-th residue is hs^a, where hs = h^n mod n^2 for a published h = -x^2 mod n, with exponents a of half the
    length of n (Damgard, Jurik and Nielsen, "A generalization of Paillier's public-key system with applications to
    electronic voting", 2010, section 4.1).

    All powers of h have Jacobi symbol 1. Alone they would leave the symbol of a ciphertext unchanged, and anyone could
    read from a Gradient the parity of the matrix entries that met symbol -1. Therefore each residue is also multiplied,
    with probability 1/2, by the n-th power of a number of symbol -1.

    Args:
        public_key: phe's public key.
        h: base of the re-randomiser; None generates one, which a Mine should do rather than trust a published one.
        threads: threads that an operation may use, at least 1; None for all cores of this process.
        executor: computes matrix products; None computes them in this process. Not copied by pickle.

    Attributes:
        public_key, h, executor: as given or generated.
        n, nsquare: the modulus and its square.
        n_bits: bit length of n.
        ring: arithmetic modulo n^2.

    Raises:
        KeyInvalidError: n is even; h is not a unit modulo n, or is 1 or -1.
        ThreadCountError: fewer than one thread.
    """

    def __init__(
        self,
        public_key: PaillierPublicKey,
        h: int | None = None,
        *,
        threads: int | None = None,
        executor: TaskExecutor | None = None,
    ) -> None:
        self.public_key = public_key
        self.executor = executor
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
        """Another process constructs the context anew, since its kernel may differ."""
        return partial(PublicContext, threads=self.threads), (self.public_key, int(self.h))

    @property
    def ciphertext_bytes(self) -> int:
        """Bytes of a ciphertext in the wire format."""
        return self.n_bits // 4

    @property
    def plaintext_bytes(self) -> int:
        """Bytes of a plaintext, or of an n-th root, in the wire format."""
        return self.n_bits // 8

    def encrypt(self, tensor: IntegerTensor, packing: Packing) -> EncryptedTensor:
        """Encrypts a tensor, several integers per plaintext.

        Raises:
            PlaintextRangeError: an integer exceeds the tensor's own bound.
            SlotOverflowError: the tensor's bound does not fit the slots.
        """
        tensor.check_bound()
        packing.require(tensor.bound)
        ciphertexts = self.raw_encrypt(packing.pack(tensor.values))
        return EncryptedTensor(self, ciphertexts, tensor.shape, packing, tensor.exponent, tensor.bound)

    def raw_encrypt(self, plaintexts: Sequence[int]) -> list[mpz]:
        """Encrypts signed integers, each |m| < n / 2."""
        return self.add_plaintexts(self.fresh_residues(len(plaintexts)), plaintexts)

    def check_ciphertexts(self, ciphertexts: Sequence[int]) -> None:
        """Checks that untrusted numbers are ciphertexts: 0 < c < n^2 and gcd(c, n) = 1.

        This does not bound their plaintexts: decryption checks the range of those.

        Raises:
            CiphertextInvalidError: names the first number out of range, but not the one with a common factor, which is
                found in the product of all.
        """
        product = mpz(1)
        for index, ciphertext in enumerate(ciphertexts):
            if not 0 < ciphertext < self.nsquare:
                raise CiphertextInvalidError("out of range", index)
            product = product * ciphertext % self.n
        if gmpy2.gcd(product, self.n) != 1:
            raise CiphertextInvalidError("a ciphertext shares a factor with the modulus")

    # ------------------------------------------------------------------ operations of EncryptedTensor

    def rerandomise(self, ciphertexts: Sequence[mpz]) -> list[mpz]:
        """Ciphertexts of the same plaintexts under fresh randomness."""
        return self.add(ciphertexts, self.fresh_residues(len(ciphertexts)))

    def add(self, left: Sequence[mpz], right: Sequence[mpz]) -> list[mpz]:
        """Ciphertexts of the sums of plaintexts, pair by pair."""
        return [a * b % self.nsquare for a, b in zip(left, right, strict=True)]

    def add_plaintexts(self, ciphertexts: Sequence[mpz], plaintexts: Sequence[int]) -> list[mpz]:
        """Ciphertexts whose plaintexts are larger by `plaintexts`: c (1 + n)^m = c (1 + n m) = c + n (c m mod n)."""
        n, n2 = self.n, self.nsquare
        return [(c + n * (c * m % n)) % n2 for c, m in zip(ciphertexts, plaintexts, strict=True)]

    def scale(self, ciphertexts: Sequence[mpz], factor: int) -> list[mpz]:
        """Ciphertexts whose plaintexts are multiplied by a signed integer."""
        if not (factor and ciphertexts):
            return [mpz(1)] * len(ciphertexts)
        if factor < 0:
            inverses, _ = invert_all(self.ring, self.ring.load(ciphertexts))
            return self.scale(self.ring.unload(inverses), -factor)
        doublings = (factor & -factor).bit_length() - 1
        odd = factor >> doublings

        def power(pool: Pool, _: slice) -> None:
            if odd > 1:
                self.ring.power(pool, odd)
            self.ring.square(pool, doublings)

        return self.ring.transform(ciphertexts, power)

    def product(self, matrix: SignedIntegers, ciphertexts: Sequence[mpz], width: int) -> list[mpz]:
        """Ciphertexts of matrix @ plaintexts: at row i and column c, prod_j ciphertexts[width j + c]^matrix[i, j].

        Args:
            matrix: shape (M, D), |entry| < 2^62.
            ciphertexts: D rows of `width` ciphertexts, row-major.
            width: ciphertexts per row.

        Raises:
            TaskExecutorError: a worker of the executor was lost or failed.
        """
        return self.ring.unload(self._product_pool(matrix, ciphertexts, width))

    def affine(
        self, matrix: SignedIntegers, ciphertexts: Sequence[mpz], width: int, offset: Callable[[], Sequence[int]]
    ) -> list[mpz]:
        """Ciphertexts of matrix @ plaintexts + offset, under fresh randomness.

        Args:
            matrix, ciphertexts, width: as for `product`.
            offset: returns the plaintexts to add, M x width, row-major; it is called while residues are computed.

        Raises:
            TaskExecutorError: as for `product`.
        """
        submit = self.ring.thread_pool.submit
        residues = submit(lambda: self._residue_pool(len(matrix) * width))
        plaintexts = offset()
        encrypted = submit(lambda: self._add_to_pool(residues(), plaintexts))
        return self._unload_products(self._product_pool(matrix, ciphertexts, width), encrypted())

    # ------------------------------------------------------------------ residues and products

    def fresh_residues(self, count: int) -> list[mpz]:
        """Random n-th residues: encryptions of 0, each of which re-randomises one ciphertext."""
        return self.ring.unload(self._residue_pool(count))

    def _residue_pool(self, count: int) -> Pool:
        """A pool of `fresh_residues`."""
        bits = self.n_bits // 2 + 1
        return self._residue_power.powers([secrets.randbits(bits) for _ in range(count)])

    def _product_pool(self, matrix: SignedIntegers, ciphertexts: Sequence[mpz], width: int) -> Pool:
        columns = [self._products(ciphertexts[column::width], matrix) for column in range(width)]
        return np.stack(columns, axis=1).reshape(-1, *columns[0].shape[1:])

    def _products(self, bases: Sequence[mpz], exponents: SignedIntegers) -> Pool:
        if self.executor is None:
            return multi_exponentiate(self.ring, bases, exponents)
        parts = np.array_split(exponents, min(self.executor.workers, len(exponents)))
        same = (repeat(value) for value in (int(self.n), self.executor.threads, list(bases)))
        return self.ring.load([number for part in self.executor.map(_products, *same, parts) for number in part])

    def _add_to_pool(self, ciphertexts: Pool, plaintexts: Sequence[int]) -> Pool:
        """Adds plaintexts to a pool of ciphertexts, in place: c (1 + n m)."""
        factors = self.ring.load([1 + self.n * m for m in plaintexts])
        self.ring.multiply(ciphertexts, None, ciphertexts, None, factors, None)
        return ciphertexts

    def _unload_products(self, left: Pool, right: Pool) -> list[mpz]:
        """Unloads left[i] * right[i]; overwrites `left`."""

        def unload(part: slice) -> list[mpz]:
            self.ring.multiply(left[part], None, left[part], None, right[part], None)
            return self.ring.unload(left[part])

        parts = self.ring.thread_pool.map_slices(unload, len(left), self.ring.lanes)
        return [number for part in parts for number in part]

    def _fresh_h(self) -> mpz:
        while True:
            x = mpz(secrets.randbelow(int(self.n)))
            if gmpy2.gcd(x, self.n) == 1:
                return -x * x % self.n

    @cached_property
    def _residue_power(self) -> FixedBasePower:
        """Powers of hs, with the n-th power of a number of Jacobi symbol -1 as cofactor for bit n_bits / 2."""
        hs = gmpy2.powmod(self.h, self.n, self.nsquare)
        return FixedBasePower(self.ring, hs, self.n_bits // 2, self._other_symbol())

    def _other_symbol(self) -> mpz:
        """The n-th power of a random number of Jacobi symbol -1."""
        while True:
            x = mpz(secrets.randbelow(int(self.n)))
            if gmpy2.jacobi(x, self.n) == -1:
                return gmpy2.powmod(x, self.n, self.nsquare)


def _products(n: int, threads: int, bases: list[mpz], exponents: SignedIntegers) -> list[mpz]:
    """`multi_exponentiate` modulo n^2, as a task for another process."""
    own = ring(n, 2, threads)
    return own.unload(multi_exponentiate(own, bases, exponents))
