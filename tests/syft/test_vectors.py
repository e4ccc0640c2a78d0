"""Recorded vectors (tests/vectors), recomputed by Syft. Every implementation of scheme 1 must reproduce them."""

from dataclasses import replace

import numpy as np
import pytest
from gmpy2 import mpz
from phe import PaillierPrivateKey, PaillierPublicKey

from syft.nn import FixedPoint, apply_delta
from syft.paillier import (
    EncryptedTensor,
    IntegerTensor,
    Openings,
    Packing,
    PrivateContext,
    unpack,
    verify_openings,
)


@pytest.fixture(scope="module")
def vector(vectors):
    return vectors("paillier_512")


@pytest.fixture(scope="module")
def context(vector):
    p, q, h = (int(vector["key"][name], 16) for name in ("p", "q", "h"))
    return PrivateContext(PaillierPrivateKey(PaillierPublicKey(p * q), p, q), h)


def numbers(texts):
    return [mpz(int(text, 16)) for text in texts]


def tensor(context, vector, ciphertexts, exponent, bound):
    return EncryptedTensor(context, numbers(ciphertexts), (4, 3), Packing(**vector["packing"]), exponent, bound)


def test_the_head_opens_to_its_weights(context, vector):
    points = FixedPoint(**vector["fixed_point"])
    head = tensor(context, vector, vector["head"]["ciphertexts"], 8, points.scaled_weight_bound(8))
    assert context.decrypt(head).values.tolist() == vector["head"]["weights"]
    assert context.open(head).roots == [int(root, 16) for root in vector["head"]["roots"]]


def test_the_gradient_is_the_recorded_one(context, vector):
    points = FixedPoint(**vector["fixed_point"])
    head = tensor(context, vector, vector["head"]["ciphertexts"], 8, points.scaled_weight_bound(8))
    matrix = np.array(vector["map"]["matrix"], dtype=np.int64)
    offset = IntegerTensor(np.array(vector["map"]["offset"]), vector["map"]["offset_exponent"], 1 << 14)
    delta = replace(matrix @ head, exponent=14) + offset
    assert delta.ciphertexts == numbers(vector["delta"]["ciphertexts"])
    assert context.decrypt(delta).values.tolist() == vector["delta"]["integers"]


def test_the_new_head_is_the_recorded_one(context, vector):
    points, recorded = FixedPoint(**vector["fixed_point"]), vector["applied"]
    head = tensor(context, vector, vector["head"]["ciphertexts"], 8, points.scaled_weight_bound(8))
    delta = tensor(context, vector, vector["delta"]["published"], 14, points.gradient_bound(4, 8))
    moved = apply_delta(head, delta, recorded["step"], points)
    assert moved.exponent == recorded["exponent"]
    assert moved.ciphertexts == numbers(recorded["ciphertexts"])
    openings = Openings(context.open(moved).plaintexts, [int(root, 16) for root in recorded["roots"]])
    verify_openings(moved, openings)
    assert unpack(openings.plaintexts, moved.with_bound(1 << 70)).values.tolist() == recorded["integers"]
