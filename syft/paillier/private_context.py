"""Operations under a key pair, modulo p^2 and q^2 (Chinese remainder theorem): the Capsule's side."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

import gmpy2
import numpy as np
from gmpy2 import mpz
from phe import PaillierPrivateKey

from syft.errors import PlaintextRangeError
from syft.kernel import Pool, ring
from syft.paillier._fixed_base import FixedBasePower
from syft.paillier._multi_exponentiation import product_of_powers
from syft.paillier.openings import CHALLENGE_BITS, Openings
from syft.paillier.packing import Packing
from syft.paillier.public_context import PublicContext
from syft.paillier.tensor import EncryptedTensor, IntegerTensor

#: Cost of the check of a folded decryption, in batches of `lanes` powers.
_CHECK_BATCHES = 1


class PrivateContext(PublicContext):
    """A key pair: decrypts, computes openings, and encrypts faster than a `PublicContext`.

    Args:
        private_key: phe's private key.
        h, threads: as for PublicContext.
    """

    def __init__(self, private_key: PaillierPrivateKey, h: int | None = None, *, threads: int | None = None) -> None:
        super().__init__(private_key.public_key, h, threads=threads)
        self.private_key = private_key
        self._p, self._q = mpz(private_key.p), mpz(private_key.q)
        each = max(self.threads // 2, 1)
        self._halves = (_PrimeHalf(self._p, self.n, self.h, each), _PrimeHalf(self._q, self.n, self.h, each))

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(PrivateContext, threads=self.threads), (self.private_key, int(self.h))

    def fresh_residues(self, count: int) -> list[mpz]:
        modulo_p, modulo_q = self._modulo_each(lambda half: half.fresh_residues(count))
        return _chinese_remainders(modulo_p, modulo_q, self._p * self._p, self._q * self._q)

    def _residue_pool(self, count: int) -> Pool:
        return self.ring.load(self.fresh_residues(count))

    def decrypt(self, tensor: EncryptedTensor) -> IntegerTensor:
        """The integers of a tensor, exactly.

        Raises:
            CiphertextInvalidError: a number is not a ciphertext.
            PlaintextRangeError: an integer exceeds the tensor's bound, or a plaintext does not end with its slots.
        """
        return unpack(self._plaintexts(tensor), tensor)

    def raw_decrypt(self, ciphertexts: Sequence[int]) -> list[int]:
        """The signed plaintexts of ciphertexts. Raises CiphertextInvalidError."""
        self.check_ciphertexts(ciphertexts)
        numbers = [mpz(c) for c in ciphertexts]
        return [self._centred(m) for m in self._modulo_n(lambda half: half.decrypt(numbers))]

    def open(self, tensor: EncryptedTensor) -> Openings:
        """The plaintexts and n-th roots, which prove the plaintexts to anyone (see `verify_openings`)."""
        plaintexts = self._plaintexts(tensor)
        roots = self._modulo_n(lambda half: half.root(tensor.ciphertexts))
        return Openings(plaintexts, [int(root) for root in roots])

    def _plaintexts(self, tensor: EncryptedTensor) -> list[int]:
        """The plaintexts of a tensor, several per decryption if its bound leaves room in the slots.

        With |integer| < 2^(s-1), `sum_i 2^(s i) m_i` holds the slots of several m_i side by side. Integers of a hostile
        tensor may exceed the bound and overlap. Therefore one more decryption checks the result: with random 128-bit
        t_i, the plaintext of prod c_i^t_i must be sum t_i m_i. A false m_i passes with probability 2^-128 (as in
        `verify_openings`). If the check fails, each ciphertext is decrypted separately.
        """
        self.check_ciphertexts(tensor.ciphertexts)
        folding = self._folding(tensor)
        if folding is None:
            return self.raw_decrypt(tensor.ciphertexts)
        challenges = [secrets.randbits(CHALLENGE_BITS) for _ in tensor.ciphertexts]
        *sums, combination = self._modulo_n(lambda half: half.decrypt_folded(tensor.ciphertexts, folding, challenges))
        unfolded = [m for total in sums for m in tensor.packing.unfold(self._centred(total), folding)]
        plaintexts = unfolded[: len(tensor.ciphertexts)]
        agreed = combination == sum(t * m for t, m in zip(challenges, plaintexts, strict=True)) % self.n
        return plaintexts if agreed else self.raw_decrypt(tensor.ciphertexts)

    def _centred(self, m: mpz) -> int:
        return int(m - self.n) if m > self.n // 2 else int(m)

    def _folding(self, tensor: EncryptedTensor) -> Packing | None:
        """The packing of several plaintexts into one decryption; None if it would save no batch.

        The ring computes powers in batches of `lanes`. Folding pays off only if it saves more batches than the check
        costs.
        """
        count, lanes = len(tensor.ciphertexts), self.ring.lanes
        folding = tensor.packing.folding(tensor.bound)
        folding = replace(folding, slots=min(folding.slots, -(-count // max(lanes - 1, 1))))
        batches, folded = (-(-numbers // lanes) for numbers in (count, -(-count // folding.slots)))
        return folding if batches > folded + _CHECK_BATCHES else None

    def _modulo_n(self, operation: Callable[[_PrimeHalf], list[mpz]]) -> list[mpz]:
        modulo_p, modulo_q = self._modulo_each(operation)
        return _chinese_remainders(modulo_p, modulo_q, self._p, self._q)

    def _modulo_each(self, operation: Callable[[_PrimeHalf], list[mpz]]) -> list[list[mpz]]:
        """Runs an operation modulo each prime, in two threads if allowed."""
        return self.ring.thread_pool.map(operation, self._halves)


class _PrimeHalf:
    """The operations modulo one of the two primes and its square."""

    def __init__(self, prime: mpz, n: mpz, h: mpz, threads: int) -> None:
        self._prime = prime
        self._ring = ring(int(prime), 2, threads)
        self._n, self._h = n, h
        # Paillier 1999, section 7: L(x) = (x - 1) / p, and the inverse of L((1 + n)^(p-1) mod p^2), where n = p q
        # makes (1 + n)^(p-1) = 1 - n.
        self._scale = gmpy2.invert(-(n // prime), prime)
        self._root_exponent = int(gmpy2.invert(n, prime - 1))

    def decrypt(self, ciphertexts: Sequence[mpz]) -> list[mpz]:
        exponent = int(self._prime) - 1
        powers = self._ring.transform(ciphertexts, lambda pool, _: self._ring.power(pool, exponent))
        return [(power - 1) // self._prime * self._scale % self._prime for power in powers]

    def decrypt_folded(self, ciphertexts: list[mpz], folding: Packing, challenges: Sequence[int]) -> list[mpz]:
        """Modulo the prime, sum_i 2^(slot_bits i) m_i of each `folding.slots` consecutive plaintexts m_i.

        The last number is sum t_i m_i over all plaintexts m_i and challenges t_i.
        """
        count = folding.slots
        padded = ciphertexts + [mpz(1)] * (-len(ciphertexts) % count)
        columns = [padded[slot::count] for slot in range(count)]

        def fold(totals: Pool, part: slice) -> None:
            for column in reversed(columns[:-1]):
                self._ring.square(totals, folding.slot_bits)
                self._ring.multiply(totals, None, totals, None, self._ring.load(column[part]), None)

        check = product_of_powers(self._ring, ciphertexts, challenges)
        return self.decrypt([*self._ring.transform(columns[-1], fold), check])

    def root(self, ciphertexts: Sequence[mpz]) -> list[mpz]:
        """The n-th roots modulo the prime: there c = r^n for any plaintext, so r is c to the inverse of n."""
        modulo_prime = ring(int(self._prime), 1, self._ring.threads)
        return modulo_prime.transform(ciphertexts, lambda pool, _: modulo_prime.power(pool, self._root_exponent))

    def fresh_residues(self, count: int) -> list[mpz]:
        """Random powers of hs modulo the prime's square, uniform in the group that hs generates."""
        order = int(self._prime) - 1
        powers = self._residue_power.powers([secrets.randbelow(order) for _ in range(count)])
        return self._ring.unload(powers)

    @cached_property
    def _residue_power(self) -> FixedBasePower:
        hs = gmpy2.powmod(self._h, self._n, self._ring.modulus)
        return FixedBasePower(self._ring, hs, int(self._prime).bit_length())


def _chinese_remainders(modulo_p: list[mpz], modulo_q: list[mpz], p: mpz, q: mpz) -> list[mpz]:
    """The numbers below p q with these remainders modulo p and q."""
    inverse = gmpy2.invert(p, q)
    return [a + p * ((b - a) * inverse % q) for a, b in zip(modulo_p, modulo_q, strict=True)]


def unpack(plaintexts: Sequence[int], tensor: EncryptedTensor) -> IntegerTensor:
    """Unpacks a tensor's plaintexts and checks the range of its integers.

    Args:
        plaintexts: signed, one per ciphertext of `tensor`.

    Raises:
        PlaintextRangeError: an integer exceeds the tensor's bound, or a plaintext does not end with its slots.
    """
    columns = tensor.shape[1]
    values = np.empty(tensor.shape, dtype=object)
    width, slots = tensor.plaintexts_per_row, tensor.packing.slots
    for index, plaintext in enumerate(plaintexts):
        row, first = index // width, (index % width) * slots
        integers, remainder = tensor.packing.unpack(plaintext, min(slots, columns - first))
        if remainder:
            raise PlaintextRangeError(row, None, plaintext.bit_length())
        for column, integer in enumerate(integers, start=first):
            if abs(integer) > tensor.bound:
                raise PlaintextRangeError(row, column, integer.bit_length())
            values[row, column] = integer
    return IntegerTensor(values, tensor.exponent, tensor.bound)
