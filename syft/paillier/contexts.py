"""What belongs to a key and is made once: moduli, tables, and the operations that need them.

Whoever has the public key works with a PublicContext; the Capsule, which knows the primes, with a PrivateContext that
does the same modulo p^2 and q^2 (Chinese remainders).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import gmpy2
import numpy as np
from gmpy2 import mpz
from phe import EncryptedNumber, PaillierPrivateKey, PaillierPublicKey

from syft.errors import CiphertextInvalidError, KeyInvalidError, PlaintextRangeError
from syft.paillier.fixedbase import FixedBasePower
from syft.paillier.openings import Openings
from syft.paillier.packing import Packing
from syft.paillier.tensor import EncryptedTensor, IntegerTensor


class PublicContext:
    """A public key with its re-randomiser.

    A fresh n-th residue is hs^a, where hs = h^n mod n^2 for a published h = -x^2 mod n, with exponents a of half the
    length of n (Damgard, Jurik and Nielsen 2010, section 4.1).

    Args:
        public_key: phe's public key.
        h: the residue to build on; made afresh if none is given, as a Mine does that trusts no published one.

    Raises:
        KeyInvalidError: h is not a unit modulo n.
    """

    def __init__(self, public_key: PaillierPublicKey, h: int | None = None) -> None:
        self.public_key = public_key
        self.n = mpz(public_key.n)
        self.nsquare = self.n * self.n
        self.n_bits = int(self.n).bit_length()
        self.h = self._fresh_h() if h is None else mpz(h)
        if not 1 < self.h < self.n or gmpy2.gcd(self.h, self.n) != 1:
            raise KeyInvalidError("the re-randomiser h is not a unit modulo n")

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
            SlotOverflowError: the tensor's bound does not fit the slots.
        """
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

    def to_encrypted_number(self, ciphertext: mpz, exponent: int) -> EncryptedNumber:
        """A scalar as phe's EncryptedNumber: value = integer x 2^-exponent. `exponent` must be a multiple of 4."""
        if exponent % 4:
            raise ValueError(f"phe counts exponents in base 16: {exponent} binary digits are not a multiple of 4")
        return EncryptedNumber(self.public_key, int(ciphertext), -exponent // 4)

    def from_encrypted_number(self, number: EncryptedNumber) -> tuple[mpz, int]:
        """The ciphertext of phe's EncryptedNumber, and its binary exponent."""
        if number.public_key != self.public_key:
            raise CiphertextInvalidError("the number is encrypted under another key")
        return mpz(number.ciphertext(be_secure=True)), -4 * number.exponent

    def _fresh_h(self) -> mpz:
        while True:
            x = mpz(secrets.randbelow(int(self.n)))
            if gmpy2.gcd(x, self.n) == 1:
                return -x * x % self.n

    @cached_property
    def _residue_power(self) -> FixedBasePower:
        hs = gmpy2.powmod(self.h, self.n, self.nsquare)
        return FixedBasePower(int(hs), int(self.nsquare), self.n_bits // 2)

    def _residues(self, count: int) -> list[mpz]:
        """`count` fresh n-th residues modulo n^2."""
        bits = self._residue_power.exponent_bits
        return [self._residue_power.power(secrets.randbits(bits)) for _ in range(count)]


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
        return unpack(self.raw_decrypt(tensor.ciphertexts), tensor)

    def raw_decrypt(self, ciphertexts: Sequence[int]) -> list[int]:
        """The signed plaintexts of ciphertexts: modulo p and q, joined by the Chinese remainder theorem."""
        self.check_ciphertexts(ciphertexts)
        return [self._centred(m) for m in self._both_halves("decrypt", list(ciphertexts), self.n)]

    def open(self, tensor: EncryptedTensor) -> Openings:
        """Plaintexts and n-th roots: what proves to anyone what the ciphertexts hold (see `verify_openings`)."""
        plaintexts = self.raw_decrypt(tensor.ciphertexts)
        return Openings(plaintexts, [int(root) for root in self._both_halves("root", tensor.ciphertexts, self.n)])

    def _centred(self, m: mpz) -> int:
        return int(m - self.n) if m > self.n // 2 else int(m)

    def _residues(self, count: int) -> list[mpz]:
        return self._both_halves("residues", [mpz(0)] * count, self.nsquare)

    def _both_halves(self, operation: str, numbers: list[mpz], modulus: mpz) -> list[mpz]:
        """Does it modulo each prime (gmpy2 releases the GIL in its list powers), and joins the results."""
        with ThreadPoolExecutor(2) as pool:
            modulo_p, modulo_q = pool.map(lambda half: getattr(half, operation)(numbers), self._halves)
        p_part = self._p if modulus == self.n else self._p * self._p
        q_part = self._q if modulus == self.n else self._q * self._q
        inverse = gmpy2.invert(p_part, q_part)
        return [a + p_part * ((b - a) * inverse % q_part) for a, b in zip(modulo_p, modulo_q, strict=True)]


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

    def root(self, ciphertexts: list[mpz]) -> list[mpz]:
        """C = r^n modulo the prime, for any plaintext: r is c to the inverse of n."""
        return list(gmpy2.powmod_base_list([c % self._prime for c in ciphertexts], self._root_exponent, self._prime))

    def residues(self, places: list[mpz]) -> list[mpz]:
        """Uniform in the group that hs generates, one for each place: the exponents are chosen anew."""
        order = int(self._prime) - 1
        return [self._residue_power.power(secrets.randbelow(order)) for _ in places]

    @cached_property
    def _residue_power(self) -> FixedBasePower:
        hs = gmpy2.powmod(self._h, self._n, self._square)
        return FixedBasePower(int(hs), int(self._square), int(self._prime).bit_length())


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
