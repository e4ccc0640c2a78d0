"""Multi-exponentiation: many products of powers of the same bases, the matrix product of encrypted training."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from gmpy2 import mpz
from numpy.typing import NDArray

from syft.integers import SignedIntegers, narrowest
from syft.kernel import Pool, Ring, slices
from syft.paillier._batch_inversion import invert_all

_Bits = NDArray[np.uint8]

#: Cost of the separate power for one large exponent, in multiplications: an inverse and a short power.
_OUTLIER_COST = 6
_LARGEST_GROUP = 15
#: Approximate number of table rows in memory at a time: 5 MB at 2048 bits.
_TABLE_ROWS = 1 << 13


def multi_exponentiate(ring: Ring, bases: Sequence[mpz], exponents: SignedIntegers) -> Pool:
    """prod_j bases[j]^exponents[i, j], for every row i.

    The method of the four Russians (Arlazarov, Dinic, Kronrod and Faradzev, 1970): columns are divided into groups,
    the products of all subsets of a group's bases are tabulated, and every bit-plane of every row takes one look-up
    per group. Horner's rule combines the b planes. Exponents become unsigned by the addition of 2^(b-1), which one
    division by (prod bases)^(2^(b-1)) compensates.

    b covers most exponents, not all. The upper digits of the few larger ones (in training: the diagonal) are computed
    as separate powers, from which Horner's rule starts.

    Args:
        ring: of the bases.
        bases: D invertible numbers.
        exponents: shape (M, D), signed, |exponent| < 2^62.

    Returns:
        A pool of M numbers.
    """
    rows, columns = exponents.shape
    exponents = narrowest(exponents)
    planes = _planes(exponents)
    upper, lower = _digits(exponents, planes)
    shifts = np.arange(planes - 1, -1, -1, dtype=lower.dtype)
    bits = ((lower.T[:, None, :] >> shifts[:, None]) & 1).astype(np.uint8).reshape(columns, planes * rows)
    pool = ring.load(bases)
    inverses = ring.thread_pool.submit(lambda: _with_inverses(ring, pool, upper))
    products = _subset_products(ring, pool, bits)
    signed, correction = inverses()
    ring.square(correction, planes - 1)

    def combine(part: slice) -> Pool:
        results = _sparse_powers(ring, signed, upper[part])
        _horner(ring, results, products, np.arange(planes * rows).reshape(planes, rows)[:, part])
        ring.chain(results, correction, np.zeros((1, len(results)), dtype=np.int64))
        return results

    return np.concatenate(ring.thread_pool.map_slices(combine, rows, ring.lanes))


def product_of_powers(ring: Ring, bases: Sequence[mpz], exponents: Sequence[int]) -> mpz:
    """prod_j bases[j]^exponents[j], for exponents >= 0 of any size, by the same method."""
    width = max(max(exponents, default=0).bit_length(), 1) + 7 >> 3
    digits = np.frombuffer(b"".join(int(e).to_bytes(width, "big") for e in exponents), dtype=np.uint8)
    bits = np.unpackbits(digits.reshape(len(exponents), width), axis=1)
    planes = _subset_products(ring, ring.load(bases), bits)
    return ring.unload(_combine(ring, planes))[0]


def subset_tables(ring: Ring, pool: Pool, group: int, room: Pool | None = None) -> Pool:
    """The products of all subsets of each `group` consecutive numbers (`Ring.subsets`).

    Args:
        ring: of the numbers.
        pool: the numbers.
        group: at least 1.
        room: a pool to reuse for the table, or None to allocate one.
    """
    rows = -(-len(pool) // group) << group
    table = ring.empty(rows) if room is None else room[:rows]
    ring.subsets(table, pool, group)
    return table


def _digits(exponents: SignedIntegers, planes: int) -> tuple[SignedIntegers, SignedIntegers]:
    """Upper and lower digits: exponents = (upper << planes) + lower - (1 << (planes - 1)), with lower >= 0."""
    kind = exponents.dtype.type
    shifted = exponents + kind(1 << (planes - 1))
    lower = shifted & kind((1 << planes) - 1)
    return shifted >> kind(planes), lower.astype(np.min_scalar_type((1 << planes) - 1))


def _planes(exponents: SignedIntegers) -> int:
    """The number of bit-planes with the fewest multiplications, if larger exponents are computed one by one."""
    rows, columns = exponents.shape
    magnitudes = np.abs(exponents)
    most = int(magnitudes.max(initial=0)).bit_length() + 1

    def multiplications(planes: int) -> float:
        outliers = int(np.count_nonzero(magnitudes >= 1 << (planes - 1)))
        group = _group_size(rows * planes, columns)
        return _multiplications(rows * planes, columns, group) + _OUTLIER_COST * outliers

    return min(range(1, most + 1), key=multiplications)


def _group_size(products: int, columns: int) -> int:
    return min(range(1, _LARGEST_GROUP + 1), key=lambda size: _multiplications(products, columns, size))


def _multiplications(products: int, columns: int, group: int) -> float:
    return math.ceil(columns / group) * (2.0**group + products)


def _subset_products(ring: Ring, pool: Pool, bits: _Bits) -> Pool:
    """For every column of bits, the product of the bases whose bit is set; bits has shape (len(pool), products)."""
    columns, products = bits.shape
    group = _group_size(products, columns)
    bases_at_once = max(_TABLE_ROWS // ring.threads >> group, 1) * group

    def multiply(groups: Iterator[slice]) -> Pool | None:
        results = table = None
        for part in groups:
            # The table's memory is reused: new pages cost as much as filling them.
            table = subset_tables(ring, pool[part], group, table)
            results = ring.ones(products) if results is None else results
            ring.chain(results, table, _keys(bits[part], group))
        return results

    # Every thread has its own tables for all products, so no thread waits for another's.
    return multiply_all(ring, ring.thread_pool.share(multiply, slices(columns, bases_at_once)))


def multiply_all(ring: Ring, pools: list[Pool]) -> Pool:
    """The product of pools of equal length, row by row; overwrites the first of them."""
    product, *others = pools

    def multiply(part: slice) -> None:
        for other in others:
            ring.multiply(product[part], None, product[part], None, other[part], None)

    ring.thread_pool.map_slices(multiply, len(product), ring.lanes)
    return product


def _keys(bits: _Bits, group: int) -> NDArray[np.int64]:
    """Row indices of these subsets in the tables of `subset_tables`; shape (groups, products)."""
    columns, products = bits.shape
    groups = -(-columns // group)
    keys = np.zeros((groups, products), dtype=np.uint16)
    for bit in range(group):
        members = bits[bit::group]
        keys[: len(members)] |= members.astype(np.uint16) << np.uint16(bit)
    offsets = np.arange(groups, dtype=np.int64) << group
    return keys + offsets[:, None]


def _with_inverses(ring: Ring, pool: Pool, upper: SignedIntegers) -> tuple[Pool, Pool]:
    """The bases followed by those inverses that `upper` needs, and the inverse of the product of all bases."""
    negative = np.flatnonzero((upper < 0).any(axis=0))
    order = np.concatenate([negative, np.setdiff1d(np.arange(len(pool)), negative)])
    inverses, of_product = invert_all(ring, pool[order], len(negative))
    signed = np.concatenate([pool, pool])
    signed[len(pool) + negative] = inverses
    return signed, of_product


def _sparse_powers(ring: Ring, signed: Pool, exponents: SignedIntegers) -> Pool:
    """The product of powers of every row of sparse exponents. `signed`: the bases followed by their inverses."""
    results = ring.ones(len(exponents))
    # numpy searches a flat array of booleans ten times as fast as a matrix of numbers.
    rows, columns = divmod(np.flatnonzero((exponents != 0).ravel()), exponents.shape[1])
    values = exponents[rows, columns].astype(np.int64)
    magnitudes = np.abs(values)
    bases = np.where(values < 0, columns + exponents.shape[1], columns)
    # The n-th factors of all rows are multiplied in one call, so that no row is written twice in a call.
    rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
    for bit in reversed(range(int(magnitudes.max(initial=0)).bit_length())):
        ring.square(results, 1)
        chosen = (magnitudes >> bit) & 1 == 1
        for nth in range(int(rank[chosen].max(initial=-1)) + 1):
            now = np.flatnonzero(chosen & (rank == nth))
            ring.multiply(results, rows[now], results, rows[now], signed, bases[now])
    return results


def _horner(ring: Ring, results: Pool, products: Pool, planes: NDArray[np.int64]) -> None:
    """Horner's rule, in place: `results` starts as the part above the highest plane.

    Args:
        planes: indices of each plane's products, from the highest plane; shape (planes, len(results)).
    """
    for plane in planes:
        ring.square(results, 1)
        ring.chain(results, products, plane[None])


def _combine(ring: Ring, planes: Pool) -> Pool:
    """One number from its planes: Horner's rule as a tree, whose multiplications can run at once."""
    distance = 1
    while len(planes) > 1:
        planes = np.concatenate([ring.ones(len(planes) % 2), planes])
        high, low = np.ascontiguousarray(planes[::2]), np.ascontiguousarray(planes[1::2])
        ring.square(high, distance)
        ring.multiply(high, None, high, None, low, None)
        planes, distance = high, 2 * distance
    return planes
