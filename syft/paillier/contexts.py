"""What belongs to a key and is made once: moduli, tables, and the operations that need them.

Whoever has the public key works with a PublicContext; the Capsule, which knows the primes, with a PrivateContext that
does the same modulo p^2 and q^2 (Chinese remainders).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property, partial
from itertools import repeat
from typing import Any

import gmpy2
import numpy as np
from gmpy2 import mpz
from phe import PaillierPrivateKey, PaillierPublicKey

from syft.errors import CiphertextInvalidError, KeyInvalidError, PlaintextRangeError
from syft.kernel import Pool, cores, ring
from syft.paillier.fixedbase import FixedBasePower
from syft.paillier.inversion import invert_all
from syft.paillier.multiexp import multi_exponentiate, product_of_powers
from syft.paillier.openings import Openings
from syft.paillier.packing import Packing
from syft.paillier.tensor import EncryptedTensor, IntegerTensor
from syft.spread import Spread
from syft.whole import SignedIntegers

_CHALLENGE_BITS = 128
#: What the check of a folded decryption costs, in powers: a product of short ones, and one more to decrypt.
_TURNS_OF_CHECK = 1


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
