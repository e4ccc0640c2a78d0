"""Contexts compared with phe and with the definitions."""

import math
import pickle
import secrets

import gmpy2
import numpy as np
import pytest
from gmpy2 import mpz
from hypothesis import given, settings
from hypothesis import strategies as st
from phe import PaillierPublicKey, generate_paillier_keypair
from strategies import integers

from syft.errors import CiphertextInvalidError, KeyInvalidError, PlaintextRangeError, ThreadCountError
from syft.paillier import EncryptedTensor, IntegerTensor, Packing, PrivateContext, PublicContext, verify_openings

quick = settings(deadline=None, max_examples=40)


@quick
@given(st.data())
def test_phe_decrypts_what_syft_encrypts_and_the_other_way(private, public, data):
    half = int(private.n) // 2
    plaintext = data.draw(st.one_of(st.integers(-half, half), st.sampled_from([0, 1, -1, half, -half])))
    for context in (private, public):
        (ciphertext,) = context.raw_encrypt([plaintext])
        assert private.private_key.raw_decrypt(int(ciphertext)) == plaintext % int(private.n)
    theirs = public.public_key.raw_encrypt(plaintext % int(private.n))
    assert private.raw_decrypt([theirs]) == [plaintext]


def test_full_size_keys(full_size):
    public = PublicContext(full_size.public_key, full_size.h)
    values = [0, 1, -1, int(full_size.n) // 2, -(int(full_size.n) // 2), secrets.randbits(2040)]
    for context in (full_size, public):
        ciphertexts = context.raw_encrypt(values)
        assert full_size.raw_decrypt(ciphertexts) == values
        assert [full_size.private_key.raw_decrypt(int(c)) for c in ciphertexts] == [
            v % int(full_size.n) for v in values
        ]


@quick
@given(st.integers(-1000, 1000), st.integers(-1000, 1000))
def test_powers_multiply_the_plaintext(private, public, plaintext, factor):
    (power,) = public.scale(public.raw_encrypt([plaintext]), factor)
    assert private.raw_decrypt([power]) == [plaintext * factor]


def test_what_has_no_randomness_is_its_plaintext(public):
    assert public.add_plaintexts([mpz(1)] * 2, [5, -5]) == [1 + 5 * public.n, 1 + (public.n - 5) * public.n]


def test_rerandomised_ciphertexts_show_no_jacobi_symbol(private, public):
    """Otherwise a Gradient would reveal the parity of its matrix's entries."""
    odd = next(x for x in range(2, 1000) if gmpy2.jacobi(x, int(public.n)) == -1)
    for symbol, start in ((1, mpz(1)), (-1, gmpy2.powmod(odd, public.n, public.nsquare))):
        assert gmpy2.jacobi(start % public.n, public.n) == symbol
        for context in (private, public):
            seen = [gmpy2.jacobi(c % context.n, context.n) for c in context.rerandomise([start] * 128)]
            # Fails by chance once in 2^127 runs.
            assert set(seen) == {1, -1}


def test_residues_are_encryptions_of_zero_and_all_differ(private, public):
    for context in (private, public):
        fresh = context.rerandomise([mpz(1)] * 64)
        assert len(set(fresh)) == 64
        assert private.raw_decrypt(fresh) == [0] * 64
        assert {math.gcd(int(c), int(context.n)) for c in fresh} == {1}


def test_numbers_that_are_no_ciphertexts(private, public):
    good = public.raw_encrypt([1, 2])
    p, n, n2 = int(private.private_key.p), int(public.n), int(public.nsquare)
    for bad, index in [(0, 2), (n2, 2), (-1, 2), (n2 + 5, 2), (n, None), (5 * p, None), (n2 - p, None)]:
        for check in (public.check_ciphertexts, private.raw_decrypt):
            with pytest.raises(CiphertextInvalidError) as caught:
                check([*good, bad])
            assert caught.value.index == index
    public.check_ciphertexts(good)
    public.check_ciphertexts([])


def test_a_plaintext_out_of_its_bound_is_found_after_decryption(private, public):
    packing = Packing(30, 2)
    honest = public.encrypt(IntegerTensor(np.array([[5, -5], [1, 1]]), 0, 10), packing)
    (large,) = public.raw_encrypt([(11 << 30) + 3])
    forged = EncryptedTensor(public, [honest.ciphertexts[0], large], (2, 2), packing, 0, 10)
    with pytest.raises(PlaintextRangeError) as caught:
        private.decrypt(forged)
    assert (caught.value.row, caught.value.column, caught.value.bits) == (1, 1, 4)
    (random,) = public.raw_encrypt([1 << 400])
    with pytest.raises(PlaintextRangeError) as caught:
        private.decrypt(EncryptedTensor(public, [random], (1, 2), packing, 0, 10))
    assert caught.value.column is None


def test_a_published_base_is_used(private):
    again = PublicContext(private.public_key, int(private.h))
    assert again.h == private.h
    assert PublicContext(private.public_key).h != private.h


def test_contexts_travel_to_other_processes(private, public):
    tensor = public.encrypt(IntegerTensor(np.array([[5, -7]]), 0, 10), Packing(30, 2))
    public_key, private_key = PublicContext(public.public_key, public.h, threads=3), private
    for context in (public_key, private_key):
        context.rerandomise([mpz(1)])
        again = pickle.loads(pickle.dumps(context))
        assert (type(again), again.n, again.h, again.threads) == (type(context), context.n, context.h, context.threads)
    travelled = pickle.loads(pickle.dumps(tensor)).rerandomise()
    assert pickle.loads(pickle.dumps(private)).decrypt(travelled).values.tolist() == [[5, -7]]


def test_no_ciphertexts_at_all(private, public):
    for context in (private, public):
        assert context.rerandomise([]) == context.raw_encrypt([]) == context.scale([], -2) == []
    assert private.raw_decrypt([]) == []


def test_what_no_context_can_be_made_of(private):
    with pytest.raises(KeyInvalidError, match="even"):
        PublicContext(PaillierPublicKey(2 * int(private.n)))
    with pytest.raises(ThreadCountError) as caught:
        PublicContext(private.public_key, threads=0)
    assert caught.value.threads == 0


def test_a_key_of_phe_works_too():
    public_key, private_key = generate_paillier_keypair(n_length=1024)
    private = PrivateContext(private_key)
    tensor = IntegerTensor(np.array([[1, -2, 3]]), 0, 10)
    encrypted = PublicContext(public_key).encrypt(tensor, Packing(20, 2)).rerandomise()
    assert private.decrypt(encrypted).values.tolist() == [[1, -2, 3]]


@quick
@given(st.integers(8, 45), st.integers(1, 5), st.integers(0, 30), st.data())
def test_decryption_of_many_rows_at_once(private, public, rows, columns, bound, data):
    entry = integers(bound)
    values = data.draw(st.lists(st.lists(entry, min_size=columns, max_size=columns), min_size=rows, max_size=rows))
    tensor = public.encrypt(IntegerTensor(np.array(values), 0, bound), Packing.for_shape(512, columns, 100))
    assert tensor.packing.folding(bound).slots > 2
    assert private.decrypt(tensor).values.tolist() == values
    verify_openings(tensor, private.open(tensor))


@pytest.mark.parametrize("stray", [1 << 5, -(1 << 5), 1 << 10, (1 << 5) - (1 << 10), 1 << 66, 1 << 100, -(1 << 300), 1])
def test_integers_that_would_run_into_their_neighbours_are_found(private, public, stray):
    """Several rows are decrypted at once: an integer that exceeds its slot must not change another row."""
    packing, values = Packing(60, 3), np.arange(120).reshape(40, 3) % 11
    honest = public.encrypt(IntegerTensor(values, 0, 15), packing)
    assert packing.folding(15) == Packing(5, 11)
    ciphertexts = list(honest.ciphertexts)
    (ciphertexts[4],) = public.add_plaintexts(ciphertexts[4:5], [stray])
    forged = EncryptedTensor(public, ciphertexts, (40, 3), packing, 0, 15)
    expected = [packing.pack_row(row)[0] for row in values.tolist()]
    expected[4] += stray
    assert private.open(forged).plaintexts == expected
    verify_openings(forged, private.open(forged))
    if stray == 1:
        assert private.decrypt(forged).values[4].tolist() == [values[4, 0] + 1, *values[4, 1:]]
        return
    with pytest.raises(PlaintextRangeError) as caught:
        private.decrypt(forged)
    assert caught.value.row == 4
