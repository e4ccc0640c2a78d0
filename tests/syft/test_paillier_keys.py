"""Key pairs, and the validation of untrusted moduli."""

import gmpy2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syft.errors import KeyInvalidError, SyftError
from syft.paillier import (
    PublicContext,
    generate_insecure_keypair,
    generate_paillier_keypair,
    validate_public_key,
)


@pytest.mark.parametrize("bits", [256, 512, 1024])
def test_primes_suit_short_exponents(bits):
    public, private = generate_insecure_keypair(bits)
    p, q = private.p, private.q
    assert p * q == public.n
    assert public.n.bit_length() == bits
    assert p.bit_length() == q.bit_length() == bits // 2
    assert p % 4 == q % 4 == 3
    assert gmpy2.gcd(p - 1, q - 1) == 2
    assert gmpy2.is_prime(p)
    assert gmpy2.is_prime(q)


def test_a_real_key_pair_works_with_phe_alone():
    public, private = generate_paillier_keypair(2048)
    assert public.n.bit_length() == 2048
    assert private.decrypt(public.encrypt(-12345)) == -12345


@pytest.mark.parametrize("bits", [0, 1024, 2047, 2050, 8256, -2048])
def test_lengths_that_are_refused(bits):
    with pytest.raises(KeyInvalidError, match="multiple of 64 from 2048 to 8192"):
        generate_paillier_keypair(bits)


def test_a_sound_modulus_passes(full_size):
    validate_public_key(int(full_size.n))


def test_what_is_refused_of_a_modulus(full_size):
    p = int(full_size.private_key.p)
    prime = int(gmpy2.next_prime(1 << 2047))
    small = 65_521 * int(gmpy2.next_prime(1 << 2032))
    for n, why in [
        (int(full_size.n) - 1, "even"),
        (p * p, "perfect power"),
        (prime, "prime"),
        (small, "factor below"),
        (int(full_size.n) >> 64, "multiple of 64"),
        (-int(full_size.n), "not positive"),
        (0, "not positive"),
    ]:
        with pytest.raises(KeyInvalidError, match=why):
            validate_public_key(n)


@settings(deadline=None)
@given(st.integers(-5, 1 << 70))
def test_short_moduli_never_pass(n):
    with pytest.raises(SyftError):
        validate_public_key(n)


def test_bases_of_a_rerandomiser_that_are_refused(private):
    n, p = int(private.n), int(private.private_key.p)
    for h in (-1, 0, 1, n - 1, n, n + 5, p, 7 * p):
        with pytest.raises(KeyInvalidError):
            PublicContext(private.public_key, h)


def test_a_fresh_base_is_minus_a_square(private):
    for _ in range(10):
        h = PublicContext(private.public_key).h
        for prime in (private.private_key.p, private.private_key.q):
            assert gmpy2.legendre(-h, prime) == 1
