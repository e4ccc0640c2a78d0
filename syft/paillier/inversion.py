"""Inverses of many numbers for the price of one."""

from __future__ import annotations

import gmpy2
import numpy as np

from syft.kernel import Pool, Ring


def invert_all(ring: Ring, pool: Pool, count: int | None = None) -> tuple[Pool, Pool]:
    """Inverses from a single inversion and three multiplications each, along a tree of products.

    Montgomery, "Speeding the Pollard and elliptic curve methods of factorization" (1987), section 10.3.1.

    Args:
        ring: what everything is taken modulo.
        pool: invertible numbers, at least one.
        count: how many of them are asked for, from the first; None for all.

    Returns:
        Those inverses, and the inverse of the product of all numbers.

    Raises:
        ZeroDivisionError: one has no inverse.
    """
    wanted = len(pool) if count is None else count
    levels = [pool]
    while len(levels[-1]) > 1:
        levels.append(_products_of_pairs(ring, levels[-1]))
    of_product = ring.load([gmpy2.invert(ring.unload(levels.pop())[0], ring.modulus)])
    inverses = of_product.copy()
    for depth, level in reversed(list(enumerate(levels))):
        # The inverse of x is that of x y times y; who has no y beside it is its pair's product itself.
        places = np.arange(-(-wanted >> depth), dtype=np.int64)
        padded = np.concatenate([level, ring.ones(1)])
        below = ring.empty(len(places))
        ring.multiply(below, None, inverses, places >> 1, padded, places ^ 1)
        inverses = below
    return inverses[:wanted], of_product


def _products_of_pairs(ring: Ring, pool: Pool) -> Pool:
    even = np.arange(0, len(pool), 2, dtype=np.int64)
    products = pool[even]
    paired = even[: len(pool) // 2]
    ring.multiply(products, paired >> 1, pool, paired, pool, paired + 1)
    return products
