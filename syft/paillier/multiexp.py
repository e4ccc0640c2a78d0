"""Many products of powers of the same ciphertexts: the matrix product of encrypted training."""

from __future__ import annotations

import math

import gmpy2
import numpy as np
from gmpy2 import mpz
from numpy.typing import NDArray


def multi_exponentiate(bases: list[mpz], exponents: NDArray[np.int64], modulus: mpz) -> list[mpz]:
    """prod_j bases[j]^exponents[i, j] mod modulus, for every row i.

    The method of the four Russians (Arlazarov, Dinic, Kronrod and Faradzev, 1970): columns are cut into groups, the
    products of all subsets of a group's bases are tabulated once, and every bit-plane of every row then takes one
    look-up a group. Horner's rule joins the planes. Exponents are made unsigned by adding 2^b to all of them, and one
    division by (prod bases)^(2^b) takes that back.

    Args:
        bases: D invertible numbers.
        exponents: shape (M, D), signed, |exponent| < 2^31.
        modulus: what everything is taken modulo.

    Returns:
        M numbers.
    """
    rows, columns = exponents.shape
    largest = int(np.abs(exponents).max(initial=0))
    shift_bits = max(largest.bit_length(), 1)
    group = _group_size(rows, columns, shift_bits + 1)
    tables = [_subset_products(bases[start : start + group], modulus) for start in range(0, columns, group)]
    total = mpz(1)
    for base in bases:
        total = total * base % modulus
    correction = gmpy2.powmod(gmpy2.invert(total, modulus), mpz(1) << shift_bits, modulus)
    lookups = _lookups(exponents + (1 << shift_bits), group, shift_bits + 1)
    return [_horner(row, tables, modulus) * correction % modulus for row in lookups]


def _group_size(rows: int, columns: int, planes: int) -> int:
    """The group size that needs the fewest multiplications."""

    def multiplications(size: int) -> float:
        groups = math.ceil(columns / size)
        return groups * (2.0**size + rows * planes)

    return min(range(1, 16), key=multiplications)


def _subset_products(bases: list[mpz], modulus: mpz) -> list[mpz]:
    """The product of every subset; bit t of the index says whether bases[t] is in it."""
    products = [mpz(1)]
    for base in bases:
        products += [product * base % modulus for product in products]
    return products


def _lookups(unsigned: NDArray[np.int64], group: int, planes: int) -> list[list[list[int]]]:
    """Table indices by row, bit-plane (highest first) and group."""
    rows, columns = unsigned.shape
    padded = np.zeros((rows, math.ceil(columns / group) * group), dtype=np.int64)
    padded[:, :columns] = unsigned
    grouped = padded.reshape(rows, -1, group)
    weights = np.int64(1) << np.arange(group, dtype=np.int64)
    by_plane = [((grouped >> plane) & 1) @ weights for plane in reversed(range(planes))]
    indices: list[list[list[int]]] = np.stack(by_plane, axis=1).tolist()
    return indices


def _horner(planes: list[list[int]], tables: list[list[mpz]], modulus: mpz) -> mpz:
    result = mpz(1)
    for plane in planes:
        result = result * result % modulus
        for table, index in zip(tables, plane, strict=True):
            if index:
                result = result * table[index] % modulus
    return result
