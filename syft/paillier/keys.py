"""Paillier key pairs as phe's classes, from primes that suit short-exponent re-randomisation."""

from __future__ import annotations

import secrets

import gmpy2
from gmpy2 import mpz
from phe import PaillierPrivateKey, PaillierPublicKey

from syft.errors import KeyInvalidError

#: Shortest accepted modulus in bits (112-bit security, NIST SP 800-57).
LEAST_BITS = 2048
#: Longest accepted modulus in bits.
MOST_BITS = 8192
#: Length of the modulus in new Campaigns, in bits (128-bit security).
DEFAULT_BITS = 3072

#: Lengths are multiples of this, so that numbers fill whole bytes in the wire format.
_LENGTH_UNIT = 64
_PRIMALITY_ROUNDS = 40
_LEAST_FACTOR = 1 << 16
_SMALL_PRIMES = gmpy2.primorial(_LEAST_FACTOR)


def generate_paillier_keypair(n_length: int = DEFAULT_BITS) -> tuple[PaillierPublicKey, PaillierPrivateKey]:
    """Generates a key pair.

    Both primes are 3 mod 4 and of equal length, gcd(p - 1, q - 1) = 2, and n has exactly `n_length` bits, as required
    by the re-randomiser of Damgard, Jurik and Nielsen, "A generalization of Paillier's public-key system with
    applications to electronic voting" (2010), section 4.1.

    Args:
        n_length: bits of n, a multiple of 64 from 2048 to 8192.

    Raises:
        KeyInvalidError: the length is out of range.
    """
    _check_length(n_length, LEAST_BITS)
    return _generate(n_length)


def generate_insecure_keypair(n_length: int) -> tuple[PaillierPublicKey, PaillierPrivateKey]:
    """Generates a key pair of any multiple of 64 bits from 256, for tests only: short keys can be factored."""
    _check_length(n_length, 256)
    return _generate(n_length)


def validate_public_key(n: int, *, least_bits: int = LEAST_BITS) -> None:
    """Checks an untrusted modulus as far as possible without its factors.

    Raises:
        KeyInvalidError: not positive, of a wrong length, even, a perfect power, prime, or with a factor below 2^16.
    """
    if n <= 0:
        raise KeyInvalidError("the modulus is not positive")
    _check_length(int(n).bit_length(), least_bits)
    number = mpz(n)
    if gmpy2.is_even(number):
        raise KeyInvalidError("the modulus is even")
    if gmpy2.gcd(number, _SMALL_PRIMES) != 1:
        raise KeyInvalidError(f"the modulus has a factor below {_LEAST_FACTOR}")
    if gmpy2.is_power(number):
        raise KeyInvalidError("the modulus is a perfect power")
    if gmpy2.is_prime(number, _PRIMALITY_ROUNDS):
        raise KeyInvalidError("the modulus is prime, so anyone can decrypt")


def _check_length(bits: int, least: int) -> None:
    if not least <= bits <= MOST_BITS or bits % _LENGTH_UNIT:
        raise KeyInvalidError(
            f"the modulus has {bits} bits: use a multiple of {_LENGTH_UNIT} from {least} to {MOST_BITS}"
        )


def _generate(n_length: int) -> tuple[PaillierPublicKey, PaillierPrivateKey]:
    while True:
        p, q = _blum_prime(n_length // 2), _blum_prime(n_length // 2)
        if p != q and gmpy2.gcd(p - 1, q - 1) == 2:
            public = PaillierPublicKey(int(p * q))
            return public, PaillierPrivateKey(public, int(p), int(q))


def _blum_prime(bits: int) -> mpz:
    """A random prime that is 3 mod 4, with its two highest bits set, so that a product of two has 2 * bits bits."""
    top = mpz(3) << (bits - 2)
    while True:
        candidate = mpz(secrets.randbits(bits)) | top | 3
        if gmpy2.is_prime(candidate, _PRIMALITY_ROUNDS):
            return candidate
