"""Many products of powers of the same ciphertexts: the matrix product of encrypted training."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from gmpy2 import mpz
from numpy.typing import NDArray

from syft.kernel import Pool, Ring
from syft.kernel.workers import parts
from syft.paillier.inversion import invert_all
from syft.whole import SignedIntegers, shortest

_Bits = NDArray[np.uint8]

#: What the power of one base for one large exponent costs, in multiplications: its inverse and a short power.
_OUTLIER_COST = 6
_MOST_GROUPED = 15
#: Rows of the tables that are held at once, about: 5 MB at 2048 bits.
_TABLE_ROWS = 1 << 13


def multi_exponentiate(ring: Ring, bases: Sequence[mpz], exponents: SignedIntegers) -> Pool:
    """prod_j bases[j]^exponents[i, j], for every row i.

    The method of the four Russians (Arlazarov, Dinic, Kronrod and Faradzev, 1970): columns are cut into groups, the
    products of all subsets of a group's bases are tabulated, and every bit-plane of every row takes one look-up a
    group. Horner's rule joins the planes. Exponents are made unsigned by adding 2^(b-1) to all of them, and one
    division by (prod bases)^(2^(b-1)) takes that back.

    Only as many planes b are made as most exponents need. The few larger ones (in training: the diagonal) give their
    upper digits to Horner's rule as powers of their own.

    Args:
        ring: what everything is taken modulo.
        bases: D invertible numbers.
        exponents: shape (M, D), signed, |exponent| < 2^62.

    Returns:
        M numbers, in the ring.
    """
    rows, columns = exponents.shape
    exponents = shortest(exponents)
    planes = _planes(exponents)
    upper, lower = _digits(exponents, planes)
    shifts = np.arange(planes - 1, -1, -1, dtype=lower.dtype)
    bits = ((lower.T[:, None, :] >> shifts[:, None]) & 1).astype(np.uint8).reshape(columns, planes * rows)
    pool = ring.load(bases)
    workers = ring.workers
    inverses = workers.aside(lambda: _with_inverses(ring, pool, upper))
    products = _subset_products(ring, pool, bits)
    signed, correction = inverses()
    ring.square(correction, planes - 1)

    def join(part: slice) -> Pool:
        results = _sparse_powers(ring, signed, upper[part])
        _horner(ring, results, products, np.arange(planes * rows).reshape(planes, rows)[:, part])
        ring.chain(results, correction, np.zeros((1, len(results)), dtype=np.int64))
        return results

    return np.concatenate(workers.on_chunks(join, rows, ring.lanes))


def product_of_powers(ring: Ring, bases: Sequence[mpz], exponents: Sequence[int]) -> mpz:
    """prod_j bases[j]^exponents[j], for exponents >= 0 of any size; in the same way."""
    width = max(max(exponents, default=0).bit_length(), 1) + 7 >> 3
    digits = np.frombuffer(b"".join(int(e).to_bytes(width, "big") for e in exponents), dtype=np.uint8)
    bits = np.unpackbits(digits.reshape(len(exponents), width), axis=1)
    planes = _subset_products(ring, ring.load(bases), bits)
    return ring.unload(_joined(ring, planes))[0]


def subset_tables(ring: Ring, pool: Pool, group: int, room: Pool | None = None) -> Pool:
    """For every `group` numbers one after the other, the products of all subsets (`Ring.subsets`).

    Args:
        ring: what they are taken modulo.
        pool: the numbers.
        group: at least 1.
        room: a pool that has room for the table, if there is one.
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


def _subset_products(ring: Ring, pool: Pool, bits: _Bits) -> Pool:
    """For every column of bits, the product of the bases whose bit is set; bits of shape (len(pool), products)."""
    columns, products = bits.shape
    group = _group_size(products, columns)
    bases_at_once = max(_TABLE_ROWS // ring.threads >> group, 1) * group

    def multiply(taken: Iterator[slice]) -> Pool | None:
        results = table = None
        for part in taken:
            # The same memory each time: to be given new pages costs as much as to fill them.
            table = subset_tables(ring, pool[part], group, table)
            results = ring.ones(products) if results is None else results
            ring.chain(results, table, _keys(bits[part], group))
        return results

    # Every thread has tables of its own, for all products: none waits for another's.
    return multiply_all(ring, ring.workers.share(multiply, parts(columns, bases_at_once)))


def multiply_all(ring: Ring, pools: list[Pool]) -> Pool:
    """The product of pools of one length, in the first of them."""
    product, *others = pools

    def multiply(part: slice) -> None:
        for other in others:
            ring.multiply(product[part], None, product[part], None, other[part], None)

    ring.workers.on_chunks(multiply, len(product), ring.lanes)
    return product


def _keys(bits: _Bits, group: int) -> NDArray[np.int64]:
    """Where the products of these subsets stand in the tables of `subset_tables`; shape (groups, products)."""
    columns, products = bits.shape
    groups = -(-columns // group)
    keys = np.zeros((groups, products), dtype=np.uint16)
    for place in range(group):
        own = bits[place::group]
        keys[: len(own)] |= own.astype(np.uint16) << np.uint16(place)
    offsets = np.arange(groups, dtype=np.int64) << group
    return keys + offsets[:, None]


def _with_inverses(ring: Ring, pool: Pool, upper: SignedIntegers) -> tuple[Pool, Pool]:
    """The bases, then their inverses where `upper` needs them; and the inverse of the product of all bases."""
    negative = np.flatnonzero((upper < 0).any(axis=0))
    order = np.concatenate([negative, np.setdiff1d(np.arange(len(pool)), negative)])
    inverses, of_product = invert_all(ring, pool[order], len(negative))
    signed = np.concatenate([pool, pool])
    signed[len(pool) + negative] = inverses
    return signed, of_product


def _sparse_powers(ring: Ring, signed: Pool, exponents: SignedIntegers) -> Pool:
    """For every row of mostly zeros, the product of the powers. `signed`: the bases, then their inverses."""
    results = ring.ones(len(exponents))
    # numpy looks through one row of booleans ten times as fast as through a matrix of numbers.
    rows, columns = divmod(np.flatnonzero((exponents != 0).ravel()), exponents.shape[1])
    values = exponents[rows, columns].astype(np.int64)
    magnitudes = np.abs(values)
    bases = np.where(values < 0, columns + exponents.shape[1], columns)
    # The n-th factors of all rows are multiplied together: a row is never written twice in one call.
    rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
    for bit in reversed(range(int(magnitudes.max(initial=0)).bit_length())):
        ring.square(results, 1)
        chosen = (magnitudes >> bit) & 1 == 1
        for turn in range(int(rank[chosen].max(initial=-1)) + 1):
            now = np.flatnonzero(chosen & (rank == turn))
            ring.multiply(results, rows[now], results, rows[now], signed, bases[now])
    return results


def _horner(ring: Ring, results: Pool, products: Pool, planes: NDArray[np.int64]) -> None:
    """Squares and multiplies: what `results` holds counts as what lies above the highest plane.

    Args:
        planes: where its products stand, from the highest; shape (planes, len(results)).
    """
    for plane in planes:
        ring.square(results, 1)
        ring.chain(results, products, plane[None])


def _joined(ring: Ring, planes: Pool) -> Pool:
    """One number from its planes, as by Horner's rule: neighbours first, so that there is more to do at once."""
    spread = 1
    while len(planes) > 1:
        planes = np.concatenate([ring.ones(len(planes) % 2), planes])
        high, low = np.ascontiguousarray(planes[::2]), np.ascontiguousarray(planes[1::2])
        ring.square(high, spread)
        ring.multiply(high, None, high, None, low, None)
        planes, spread = high, 2 * spread
    return planes
