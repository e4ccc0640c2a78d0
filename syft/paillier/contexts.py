"""What belongs to a key and is made once: moduli, tables, and the operations that need them.

Whoever has the public key works with a PublicContext; the Capsule, which knows the primes, with a PrivateContext that
does the same modulo p^2 and q^2 (Chinese remainders).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import gmpy2
import numpy as np
from gmpy2 import mpz
from phe import PaillierPrivateKey, PaillierPublicKey

from syft.errors import CiphertextInvalidError, KeyInvalidError, PlaintextRangeError
from syft.paillier.fixedbase import FixedBasePower
from syft.paillier.multiexp import product_of_powers
from syft.paillier.openings import Openings
from syft.paillier.packing import Packing
from syft.paillier.tensor import EncryptedTensor, IntegerTensor

_CHALLENGE_BITS = 128
#: With fewer ciphertexts, the check of a folded decryption costs more than folding saves.
_LEAST_FOLDED = 8


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

    Attributes:
        public_key, h: as given, or made.
        n, nsquare: the modulus and its square.
        n_bits: bits of n.

    Raises:
        KeyInvalidError: h is not a unit modulo n, or generates next to nothing.
    """

    def __init__(self, public_key: PaillierPublicKey, h: int | None = None) -> None:
        self.public_key = public_key
        self.n = mpz(public_key.n)
        self.nsquare = self.n * self.n
        self.n_bits = int(self.n).bit_length()
        self.h = self._fresh_h() if h is None else mpz(h)
        if not 1 < self.h < self.n - 1 or gmpy2.gcd(self.h, self.n) != 1:
            raise KeyInvalidError("the re-randomiser h is not a unit modulo n, or is 1 or -1")

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
        packed = [m for row in tensor.values for m in packing.pack_row(row)]
        ciphertexts = self.raw_encrypt(packed)
        return EncryptedTensor(self, ciphertexts, tensor.shape, packing, tensor.exponent, tensor.bound)

    def rerandomise(self, ciphertexts: Sequence[mpz]) -> list[mpz]:
        """The same plaintexts under fresh randomness."""
        n2 = self.nsquare
        return [c * residue % n2 for c, residue in zip(ciphertexts, self._residues(len(ciphertexts)), strict=True)]

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

    def raw_encode(self, plaintext: int) -> mpz:
        """The encryption of a signed integer without any randomness: (1 + n)^m = 1 + n m. Hides nothing."""
        return (1 + self.n * (plaintext % self.n)) % self.nsquare

    def raw_encrypt(self, plaintexts: Sequence[int]) -> list[mpz]:
        """Encrypts signed integers, each |m| < n / 2."""
        return self.rerandomise([self.raw_encode(m) for m in plaintexts])

    def raw_powers(self, ciphertexts: Sequence[mpz], exponent: int) -> list[mpz]:
        """Every ciphertext to the same signed power: its plaintext times that integer."""
        bases = list(ciphertexts)
        if exponent < 0:
            bases = [gmpy2.invert(base, self.nsquare) for base in bases]
        return list(gmpy2.powmod_base_list(bases, abs(exponent), self.nsquare))

    def _fresh_h(self) -> mpz:
        while True:
            x = mpz(secrets.randbelow(int(self.n)))
            if gmpy2.gcd(x, self.n) == 1:
                return -x * x % self.n

    @cached_property
    def _residue_power(self) -> FixedBasePower:
        hs = gmpy2.powmod(self.h, self.n, self.nsquare)
        return FixedBasePower(int(hs), int(self.nsquare), self.n_bits // 2)

    @cached_property
    def _other_symbol(self) -> mpz:
        """The n-th power of a number of Jacobi symbol -1."""
        while True:
            x = mpz(secrets.randbelow(int(self.n)))
            if gmpy2.jacobi(x, self.n) == -1:
                return gmpy2.powmod(x, self.n, self.nsquare)

    def _residues(self, count: int) -> list[mpz]:
        """`count` fresh n-th residues modulo n^2."""
        bits = self._residue_power.exponent_bits
        residues = [self._residue_power.power(secrets.randbits(bits)) for _ in range(count)]
        return [r * self._other_symbol % self.nsquare if secrets.randbits(1) else r for r in residues]


class PrivateContext(PublicContext):
    """A key pair: encrypts faster, decrypts, and opens.

    Args:
        private_key: phe's private key.
        h: as for PublicContext.
    """

    def __init__(self, private_key: PaillierPrivateKey, h: int | None = None) -> None:
        super().__init__(private_key.public_key, h)
        self.private_key = private_key
        self._p, self._q = mpz(private_key.p), mpz(private_key.q)
        self._halves = (_PrimeHalf(self._p, self.n, self.h), _PrimeHalf(self._q, self.n, self.h))

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
        folding = tensor.packing.folding(tensor.bound)
        if folding.slots < 2 or len(tensor.ciphertexts) < _LEAST_FOLDED:
            return self.raw_decrypt(tensor.ciphertexts)
        sums = self._modulo_n(lambda half: half.decrypt_folded(tensor.ciphertexts, folding))
        unfolded = [m for total in sums for m in tensor.packing.unfold(self._centred(total), folding)]
        plaintexts = unfolded[: len(tensor.ciphertexts)]
        challenges = [secrets.randbits(_CHALLENGE_BITS) for _ in plaintexts]
        (read,) = self._modulo_n(lambda half: half.decrypt([half.product(tensor.ciphertexts, challenges)]))
        agreed = read == sum(t * m for t, m in zip(challenges, plaintexts, strict=True)) % self.n
        return plaintexts if agreed else self.raw_decrypt(tensor.ciphertexts)

    def _centred(self, m: mpz) -> int:
        return int(m - self.n) if m > self.n // 2 else int(m)

    def _residues(self, count: int) -> list[mpz]:
        modulo_p, modulo_q = (half.residues(count) for half in self._halves)
        return _join(modulo_p, modulo_q, self._p * self._p, self._q * self._q)

    def _modulo_n(self, operation: Callable[[_PrimeHalf], list[mpz]]) -> list[mpz]:
        """Does it modulo each prime, in two threads: gmpy2 releases the GIL in its list powers."""
        with ThreadPoolExecutor(2) as pool:
            modulo_p, modulo_q = pool.map(operation, self._halves)
        return _join(modulo_p, modulo_q, self._p, self._q)


class _PrimeHalf:
    """The operations modulo one of the two primes."""

    def __init__(self, prime: mpz, n: mpz, h: mpz) -> None:
        self._prime = prime
        self._square = prime * prime
        self._n, self._h = n, h
        # Paillier 1999, section 7: L(x) = (x - 1) / p, and the inverse of L((1 + n)^(p-1) mod p^2).
        self._scale = gmpy2.invert((gmpy2.powmod(1 + n, prime - 1, self._square) - 1) // prime, prime)
        self._root_exponent = gmpy2.invert(n, prime - 1)

    def decrypt(self, ciphertexts: list[mpz]) -> list[mpz]:
        powers = gmpy2.powmod_base_list([c % self._square for c in ciphertexts], self._prime - 1, self._square)
        return [(power - 1) // self._prime * self._scale % self._prime for power in powers]

    def decrypt_folded(self, ciphertexts: list[mpz], folding: Packing) -> list[mpz]:
        """Modulo the prime: of every `folding.slots` plaintexts one after the other, the sum of 2^(slot_bits i) m_i."""
        count = folding.slots
        padded = ciphertexts + [mpz(1)] * (-len(ciphertexts) % count)
        totals = [mpz(1)] * (len(padded) // count)
        for place in reversed(range(count)):
            powers = gmpy2.powmod_base_list(totals, 1 << folding.slot_bits, self._square)
            totals = [power * c % self._square for power, c in zip(powers, padded[place::count], strict=True)]
        return self.decrypt(totals)

    def product(self, ciphertexts: list[mpz], exponents: Sequence[int]) -> mpz:
        """The product of powers, modulo the prime's square."""
        return product_of_powers([c % self._square for c in ciphertexts], exponents, self._square)

    def root(self, ciphertexts: list[mpz]) -> list[mpz]:
        """Modulo the prime, c is r^n for any plaintext: r is c to the inverse of n."""
        return list(gmpy2.powmod_base_list([c % self._prime for c in ciphertexts], self._root_exponent, self._prime))

    def residues(self, count: int) -> list[mpz]:
        """Fresh n-th residues modulo the prime's square, uniform in the group that hs generates there."""
        order = int(self._prime) - 1
        return [self._residue_power.power(secrets.randbelow(order)) for _ in range(count)]

    @cached_property
    def _residue_power(self) -> FixedBasePower:
        hs = gmpy2.powmod(self._h, self._n, self._square)
        return FixedBasePower(int(hs), int(self._square), int(self._prime).bit_length())


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
