"""Every operation of a ring compared with Python's integers; also a program, for a kernel with sanitizers."""

from __future__ import annotations

import math
import random
import sys
from pathlib import Path

import numpy as np

from syft.kernel import Ring
from syft.kernel._shared_library import PATHS, Library
from syft.kernel._simd_ring import SimdRing

GROUPS = 3


def edges(base, halves):
    """0, 1, n-1, n, n+1, n^2-1, and numbers whose digits and words are all ones, reduced."""
    modulus = base**halves
    ones = [(1 << bits) - 1 for bits in (27, 52, 64, base.bit_length() - 1, modulus.bit_length() - 1)]
    return [number % modulus for number in (0, 1, base - 1, base, base + 1, modulus - 1, modulus - base, *ones)]


def extreme_bases(bits):
    """The largest and smallest base of a bit length, one whose low half is all ones, and a random one."""
    top = 1 << (bits - 1)
    low = (1 << bits // 2) - 1
    return [2 * top - 1, top + 1, top + low, random.Random(bits).getrandbits(bits) | top | 1]


def check_conversion(ring, xs):
    assert ring.unload(ring.load(xs)) == [x % ring.modulus for x in xs]
    assert ring.unload(ring.ones(3)) == [1, 1, 1]


def check_products(ring, xs, ys):
    """All rows, and indices that repeat, reverse and omit rows."""
    count, modulus = len(xs), ring.modulus
    left, right, out = ring.load(xs), ring.load(ys), ring.ones(count)
    ring.multiply(out, None, left, None, right, None)
    assert ring.unload(out) == [x * y % modulus for x, y in zip(xs, ys, strict=True)]
    picked = [index * 5 % count for index in range(count // 2 + 1)]
    out = ring.ones(count)
    indices = np.array(picked, dtype=np.int64)
    own = np.arange(len(picked), dtype=np.int64)[::-1].copy()
    ring.multiply(out, own, left, indices, right, indices)
    expected = [xs[index] * ys[index] % modulus for index in reversed(picked)]
    assert ring.unload(out) == expected + [1] * (count - len(picked))
    ring.multiply(left, None, left, None, left, None)
    assert ring.unload(left) == [x * x % modulus for x in xs]


def check_powers(ring, xs, times, exponent):
    pool = ring.load(xs)
    ring.square(pool, times)
    assert ring.unload(pool) == [pow(x, 1 << times, ring.modulus) for x in xs]
    pool = ring.load(xs)
    ring.power(pool, exponent)
    assert ring.unload(pool) == [pow(x, exponent, ring.modulus) for x in xs]


def check_chains(ring, xs, seed):
    count, modulus, generator = len(xs), ring.modulus, random.Random(seed)
    pool, keys = ring.load(xs), [[generator.randrange(count) for _ in xs] for _ in range(GROUPS)]
    ring.chain(pool, ring.load(xs), np.array(keys, dtype=np.int64))
    expected = list(xs)
    for indices in keys:
        expected = [x * xs[index] % modulus for x, index in zip(expected, indices, strict=True)]
    assert ring.unload(pool) == expected
    entries = 1 << ring.window_bits
    table = [[xs[generator.randrange(count)] for _ in range(entries)] for _ in range(GROUPS)]
    keys = [[0, entries - 1, *(generator.randrange(entries) for _ in xs)][:count] for _ in range(GROUPS)]
    pool = ring.load(xs)
    flat = ring.load([x for row in table for x in row])
    ring.chain_secret(pool, ring.secret_table(flat), np.array(keys, dtype=np.uint8))
    expected = list(xs)
    for row, indices in zip(table, keys, strict=True):
        expected = [x * row[index] % modulus for x, index in zip(expected, indices, strict=True)]
    assert ring.unload(pool) == expected


def check_subsets(ring, xs, group):
    """The product of every subset; rows for missing numbers of an incomplete last group stay unchanged."""
    rows = -(-len(xs) // group) << group
    table = ring.empty(rows)
    table[:] = ring.load([2])[0]
    ring.subsets(table, ring.load(xs), group)
    expected = []
    for start in range(0, len(xs), group):
        own = xs[start : start + group]
        for subset in range(1 << group):
            chosen = [index for index in range(group) if subset >> index & 1]
            inside = all(index < len(own) for index in chosen)
            expected.append(math.prod(own[index] for index in chosen) % ring.modulus if inside else 2 % ring.modulus)
    assert ring.unload(table) == expected


def check_all(ring: Ring, xs: list[int], seed: int) -> None:
    """Runs every operation on numbers below the modulus."""
    check_conversion(ring, xs)
    check_products(ring, xs, xs[1:] + xs[:1])
    check_powers(ring, xs, 2, 1 + seed)
    check_chains(ring, xs, seed)
    for group in (1, 2, 5):
        check_subsets(ring, xs, group)


def main() -> None:
    """Sizes with full and partly filled lanes, digits and blocks, on a given kernel."""
    library = Library(Path(sys.argv[1]))
    checked = 0
    for path in filter(library.has, PATHS):
        for bits in (3, 52, 100, 255, 256, 1024):
            for halves in (1, 2):
                base = extreme_bases(bits)[0]
                ring, numbers = SimdRing(library, path, base, halves, 1), edges(base, halves)
                for count in (1, len(numbers)):
                    check_all(ring, numbers[:count], bits)
                    checked += 1
    largest = SimdRing(library, "avx2", extreme_bases(8192)[0], 2, 1)
    check_products(largest, edges(largest.base, 2), edges(largest.base, 2))
    sys.stdout.write(f"{checked} rings agree\n")


if __name__ == "__main__":
    main()
