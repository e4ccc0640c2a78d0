"""Many products of powers of the same ciphertexts: the matrix product of encrypted training."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import gmpy2
import numpy as np
from gmpy2 import mpz
from numpy.typing import NDArray

_Bits = NDArray[np.uint8]

#: What the power of one base for one large exponent costs, in multiplications: about an inversion and a short power.
_OUTLIER_COST = 12
_MOST_GROUPED = 15


def multi_exponentiate(bases: Sequence[mpz], exponents: NDArray[np.int64], modulus: mpz) -> list[mpz]:
    """prod_j bases[j]^exponents[i, j] mod modulus, for every row i.

    The method of the four Russians (Arlazarov, Dinic, Kronrod and Faradzev, 1970): columns are cut into groups, the
    products of all subsets of a group's bases are tabulated, and every bit-plane of every row takes one look-up a
    group. Horner's rule joins the planes. Exponents are made unsigned by adding 2^(b-1) to all of them, and one
    division by (prod bases)^(2^(b-1)) takes that back.

    Only as many planes b are made as most exponents need. The few larger ones (in training: the diagonal) give their
    upper digits to Horner's rule as powers of their own.

    Args:
        bases: D invertible numbers.
        exponents: shape (M, D), signed, |exponent| < 2^62.
        modulus: what everything is taken modulo.

    Returns:
        M numbers.
    """
    rows, columns = exponents.shape
    planes = _planes(exponents)
    half, mask = np.int64(1 << (planes - 1)), np.int64((1 << planes) - 1)
    unsigned = (exponents + half) & mask
    upper = (exponents + half) >> planes
    shifts = np.arange(planes - 1, -1, -1, dtype=np.int64)
    bits = ((unsigned[:, None, :] >> shifts[:, None]) & 1).astype(np.uint8)
    products = iter(_subset_products(bases, bits.reshape(rows * planes, columns), modulus))
    correction = gmpy2.powmod(_product(bases, modulus), -int(half), modulus)
    return [
        _horner(_sparse_power(bases, row, modulus), _take(products, planes), modulus) * correction % modulus
        for row in upper
    ]


def product_of_powers(bases: Sequence[mpz], exponents: Sequence[int], modulus: mpz) -> mpz:
    """prod_j bases[j]^exponents[j] mod modulus, for exponents >= 0 of any size; in the same way."""
    width = max(max(exponents, default=0).bit_length(), 1) + 7 >> 3
    digits = np.frombuffer(b"".join(int(e).to_bytes(width, "big") for e in exponents), dtype=np.uint8)
    bits = np.unpackbits(digits.reshape(len(exponents), width), axis=1).T
    return _horner(mpz(1), iter(_subset_products(bases, bits, modulus)), modulus)


def _planes(exponents: NDArray[np.int64]) -> int:
    """How many bit-planes make the fewest multiplications, larger exponents being dealt with one by one."""
    rows, columns = exponents.shape
    magnitudes = np.abs(exponents)
    most = int(magnitudes.max(initial=0)).bit_length() + 1

    def multiplications(planes: int) -> float:
        outliers = int(np.count_nonzero(magnitudes >= 1 << (planes - 1)))
        group = _group_size(rows * planes, columns)
        return _multiplications(rows * planes, columns, group) + _OUTLIER_COST * outliers

    return min(range(1, most + 1), key=multiplications)


def _group_size(products: int, columns: int) -> int:
    return min(range(1, _MOST_GROUPED + 1), key=lambda size: _multiplications(products, columns, size))


def _multiplications(products: int, columns: int, group: int) -> float:
    return math.ceil(columns / group) * (2.0**group + products)


def _subset_products(bases: Sequence[mpz], bits: _Bits, modulus: mpz) -> list[mpz]:
    """For every row of bits, the product of the bases whose bit is set; shape (products, len(bases))."""
    group = _group_size(*bits.shape)
    results = [mpz(1)] * len(bits)
    for start in range(0, len(bases), group):
        part = bits[:, start : start + group]
        table = _table(bases[start : start + group], modulus)
        keys = (part @ (1 << np.arange(part.shape[1], dtype=np.int64))).tolist()
        results = [result * table[key] % modulus for result, key in zip(results, keys, strict=True)]
    return results


def _table(bases: Sequence[mpz], modulus: mpz) -> list[mpz]:
    """The product of every subset; bit t of the index says whether bases[t] is in it."""
    products = [mpz(1)]
    for base in bases:
        products += [product * base % modulus for product in products]
    return products


def _sparse_power(bases: Sequence[mpz], exponents: NDArray[np.int64], modulus: mpz) -> mpz:
    result = mpz(1)
    for column in np.flatnonzero(exponents).tolist():
        result = result * gmpy2.powmod(bases[column], int(exponents[column]), modulus) % modulus
    return result


def _horner(start: mpz, planes: Iterator[mpz], modulus: mpz) -> mpz:
    """Squares and multiplies: `start` counts as what lies above the highest plane."""
    result = start
    for plane in planes:
        result = result * result % modulus * plane % modulus
    return result


def _take(numbers: Iterator[mpz], count: int) -> Iterator[mpz]:
    return (next(numbers) for _ in range(count))


def _product(bases: Sequence[mpz], modulus: mpz) -> mpz:
    result = mpz(1)
    for base in bases:
        result = result * base % modulus
    return result
