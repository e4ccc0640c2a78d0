"""Batch inversion: the inverses of many numbers by one modular inversion."""

from __future__ import annotations

import gmpy2
import numpy as np

from syft.kernel import Pool, Ring


def invert_all(ring: Ring, pool: Pool, count: int | None = None) -> tuple[Pool, Pool]:
    """Inverts numbers by a single inversion and three multiplications per number, along a product tree.

    Montgomery, "Speeding the Pollard and elliptic curve methods of factorization" (1987), section 10.3.1.

    Args:
        ring: of the numbers.
        pool: invertible numbers, at least one.
        count: how many of them to invert, from the first; None for all.

    Returns:
        Those inverses, and the inverse of the product of all numbers.

    Raises:
        ZeroDivisionError: a number has no inverse.
    """
    wanted = len(pool) if count is None else count
    levels = [pool]
    while len(levels[-1]) > 1:
        levels.append(_products_of_pairs(ring, levels[-1]))
    of_product = ring.load([gmpy2.invert(ring.unload(levels.pop())[0], ring.modulus)])
    inverses = of_product.copy()
    for depth, level in reversed(list(enumerate(levels))):
        # The inverse of x is the inverse of x y times y. A last x without a partner y is its own product.
        indices = np.arange(-(-wanted >> depth), dtype=np.int64)
        padded = np.concatenate([level, ring.ones(1)])
        below = ring.empty(len(indices))
        ring.multiply(below, None, inverses, indices >> 1, padded, indices ^ 1)
        inverses = below
    return inverses[:wanted], of_product


def _products_of_pairs(ring: Ring, pool: Pool) -> Pool:
    even = np.arange(0, len(pool), 2, dtype=np.int64)
    products = pool[even]
    paired = even[: len(pool) // 2]
    ring.multiply(products, paired >> 1, pool, paired, pool, paired + 1)
    return products
