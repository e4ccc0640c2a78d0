"""What belongs to a key pair: the Capsule's side, modulo p^2 and q^2 (Chinese remainders)."""

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
from syft.paillier.fixedbase import FixedBasePower
from syft.paillier.multiexp import product_of_powers
from syft.paillier.openings import Openings
from syft.paillier.packing import Packing
from syft.paillier.public_context import PublicContext
from syft.paillier.tensor import EncryptedTensor, IntegerTensor

_CHALLENGE_BITS = 128
#: What the check of a folded decryption costs, in powers: a product of short ones, and one more to decrypt.
_TURNS_OF_CHECK = 1


class PrivateContext(PublicContext):
    """A key pair: encrypts faster, decrypts, and opens.

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
        return _join(modulo_p, modulo_q, self._p * self._p, self._q * self._q)

    def residue_pool(self, count: int) -> Pool:
        return self.ring.load(self.fresh_residues(count))

    def decrypt(self, tensor: EncryptedTensor) -> IntegerTensor:
        """The integers of a tensor, exactly.

        Raises:
            CiphertextInvalidError: something is no ciphertext.
            PlaintextRangeError: an integer is larger than the tensor's bound, or something lies beyond the slots.
        """
        return unpack(self._plaintexts(tensor), tensor)

    def raw_decrypt(self, ciphertexts: Sequence[int]) -> list[int]:
        """The signed plaintexts of ciphertexts: modulo p and q, joined by the Chinese remainder theorem."""
        self.check_ciphertexts(ciphertexts)
        numbers = [mpz(c) for c in ciphertexts]
        return [self._centred(m) for m in self._modulo_n(lambda half: half.decrypt(numbers))]

    def open(self, tensor: EncryptedTensor) -> Openings:
        """Plaintexts and n-th roots: what proves to anyone what the ciphertexts hold (see `verify_openings`)."""
        plaintexts = self._plaintexts(tensor)
        roots = self._modulo_n(lambda half: half.root(tensor.ciphertexts))
        return Openings(plaintexts, [int(root) for root in roots])

    def _plaintexts(self, tensor: EncryptedTensor) -> list[int]:
        """The plaintexts of a tensor, several by one decryption where its bound leaves room in the slots.

        With |integer| < 2^(s-1), `sum_i 2^(s i) m_i` holds the slots of several m_i side by side. A stranger's
        integers may be larger and run into each other, so what was read is checked by one more decryption: with
        random 128-bit t_i, that of prod c_i^t_i must be sum t_i m_i. A false m_i passes once in 2^128 (as in
        `verify_openings`). What does not pass is decrypted one by one.
        """
        self.check_ciphertexts(tensor.ciphertexts)
        folding = self._folding(tensor)
        if folding is None:
            return self.raw_decrypt(tensor.ciphertexts)
        challenges = [secrets.randbits(_CHALLENGE_BITS) for _ in tensor.ciphertexts]
        *sums, read = self._modulo_n(lambda half: half.decrypt_folded(tensor.ciphertexts, folding, challenges))
        unfolded = [m for total in sums for m in tensor.packing.unfold(self._centred(total), folding)]
        plaintexts = unfolded[: len(tensor.ciphertexts)]
        agreed = read == sum(t * m for t, m in zip(challenges, plaintexts, strict=True)) % self.n
        return plaintexts if agreed else self.raw_decrypt(tensor.ciphertexts)

    def _centred(self, m: mpz) -> int:
        return int(m - self.n) if m > self.n // 2 else int(m)

    def _folding(self, tensor: EncryptedTensor) -> Packing | None:
        """How plaintexts of a tensor are decrypted side by side; None where that saves no power.

        A ring makes several powers in one turn: together with the check, no fewer than a turn takes are of use.
        """
        count, lanes = len(tensor.ciphertexts), self.ring.lanes
        folding = tensor.packing.folding(tensor.bound)
        folding = replace(folding, slots=min(folding.slots, -(-count // max(lanes - 1, 1))))
        turns, folded = (-(-numbers // lanes) for numbers in (count, -(-count // folding.slots)))
        return folding if turns > folded + _TURNS_OF_CHECK else None

    def _modulo_n(self, operation: Callable[[_PrimeHalf], list[mpz]]) -> list[mpz]:
        modulo_p, modulo_q = self._modulo_each(operation)
        return _join(modulo_p, modulo_q, self._p, self._q)

    def _modulo_each(self, operation: Callable[[_PrimeHalf], list[mpz]]) -> list[list[mpz]]:
        """Does it modulo each prime, in two threads if it may."""
        return self.ring.workers.on_each(operation, self._halves)


class _PrimeHalf:
    """The operations modulo one of the two primes."""

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
        """Modulo the prime: of every `folding.slots` plaintexts m_i one after the other, sum_i 2^(slot_bits i) m_i.

        And behind them, of all plaintexts with their challenges t_i, sum t_i m_i.
        """
        count = folding.slots
        padded = ciphertexts + [mpz(1)] * (-len(ciphertexts) % count)
        places = [padded[place::count] for place in range(count)]

        def fold(totals: Pool, part: slice) -> None:
            for place in reversed(places[:-1]):
                self._ring.square(totals, folding.slot_bits)
                self._ring.multiply(totals, None, totals, None, self._ring.load(place[part]), None)

        check = product_of_powers(self._ring, ciphertexts, challenges)
        return self.decrypt([*self._ring.transform(places[-1], fold), check])

    def root(self, ciphertexts: Sequence[mpz]) -> list[mpz]:
        """Modulo the prime, c is r^n for any plaintext: r is c to the inverse of n."""
        modulo_prime = ring(int(self._prime), 1, self._ring.threads)
        return modulo_prime.transform(ciphertexts, lambda pool, _: modulo_prime.power(pool, self._root_exponent))

    def fresh_residues(self, count: int) -> list[mpz]:
        """Powers of hs modulo the prime's square, uniform in the group that it generates."""
        order = int(self._prime) - 1
        powers = self._residue_power.powers([secrets.randbelow(order) for _ in range(count)])
        return self._ring.unload(powers)

    @cached_property
    def _residue_power(self) -> FixedBasePower:
        hs = gmpy2.powmod(self._h, self._n, self._ring.modulus)
        return FixedBasePower(self._ring, hs, int(self._prime).bit_length())


def _join(modulo_p: list[mpz], modulo_q: list[mpz], p: mpz, q: mpz) -> list[mpz]:
    """The numbers below p q that leave these rests: the Chinese remainder theorem."""
    inverse = gmpy2.invert(p, q)
    return [a + p * ((b - a) * inverse % q) for a, b in zip(modulo_p, modulo_q, strict=True)]


def unpack(plaintexts: Sequence[int], tensor: EncryptedTensor) -> IntegerTensor:
    """The integers in a tensor's plaintexts, range-checked.

    Args:
        plaintexts: signed, one for each ciphertext of `tensor`.

    Raises:
        PlaintextRangeError: an integer is larger than the tensor's bound, or something lies beyond the slots.
    """
    columns = tensor.shape[1]
    values = np.empty(tensor.shape, dtype=object)
    width, slots = tensor.plaintexts_per_row, tensor.packing.slots
    for place, plaintext in enumerate(plaintexts):
        row, first = place // width, (place % width) * slots
        integers, rest = tensor.packing.unpack(plaintext, min(slots, columns - first))
        if rest:
            raise PlaintextRangeError(row, None, plaintext.bit_length())
        for column, integer in enumerate(integers, start=first):
            if abs(integer) > tensor.bound:
                raise PlaintextRangeError(row, column, integer.bit_length())
            values[row, column] = integer
    return IntegerTensor(values, tensor.exponent, tensor.bound)
