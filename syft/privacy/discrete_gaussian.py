"""The discrete Gaussian over the integers, sampled exactly.

Canonne, Kamath and Steinke, "The discrete Gaussian for differential privacy" (2020), algorithms 1 to 3: rejection from
a discrete Laplace distribution. Their Bernoulli trials with probability exp(-x) compare a uniform number, of which as
many bits are drawn as necessary, with exp(-x). Vectorised floats decide the clear cases, and correctly rounded
intervals the others, so that every decision is the one of exact real arithmetic.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from fractions import Fraction

import gmpy2
import numpy as np
from numpy.typing import NDArray

from syft.errors import PrivacyError
from syft.integers import Integers

#: Returns a given number of uniform random bytes.
RandomBytes = Callable[[int], bytes]

#: Largest sigma for which a sample's distance from sigma is exact as a float.
LARGEST_SIGMA = 1 << 46
_WORD_BITS = 64
#: Distance from exp(-x) within which floats do not decide; a float of exp(-x) is off by a few times 2^-53.
_MARGIN = 2.0**-40
#: Samples drawn at a time: bounds the memory.
_LEAST_BATCH, _LARGEST_BATCH = 64, 1 << 18

_Floats = NDArray[np.float64]
_Words = NDArray[np.uint64]
_Booleans = NDArray[np.bool_]


def discrete_gaussian(sigma: int, size: int, random_bytes: RandomBytes = secrets.token_bytes) -> Integers:
    """Independent samples x with probability proportional to exp(-x^2 / (2 sigma^2)); int64, shape (size,).

    Args:
        sigma: an integer from 1 to 2^46.
        size: number of samples.
        random_bytes: the source of randomness; the operating system's by default.

    Raises:
        PrivacyError: sigma outside of its range.
    """
    if not 1 <= sigma <= LARGEST_SIGMA:
        raise PrivacyError(f"sigma must be an integer from 1 to 2^46, not {sigma}")
    parts, missing = [np.zeros(0, dtype=np.int64)], size
    while missing > 0:
        # On average more than one of three candidates is accepted.
        tries = 3 * min(missing, _LARGEST_BATCH) + _LEAST_BATCH
        candidates = _discrete_laplace(sigma, tries, random_bytes)
        beyond = np.abs(candidates) - sigma
        accepted = bernoulli_exp((beyond / sigma) ** 2 / 2, _Squares(beyond, sigma), random_bytes)
        parts.append(candidates[accepted][:missing])
        missing -= len(parts[-1])
    return np.concatenate(parts)


class _Squares:
    """x^2 / (2 sigma^2) as an exact fraction, by index."""

    def __init__(self, numbers: Integers, sigma: int) -> None:
        self._numbers, self._sigma = numbers, sigma

    def __call__(self, index: int) -> Fraction:
        return Fraction(int(self._numbers[index]) ** 2, 2 * self._sigma**2)


def _discrete_laplace(scale: int, tries: int, random_bytes: RandomBytes) -> Integers:
    """Samples x with probability proportional to exp(-|x| / scale), out of `tries` candidates."""
    offsets = _uniform(scale, tries, random_bytes)
    offsets = offsets[bernoulli_exp(offsets / scale, lambda index: Fraction(int(offsets[index]), scale), random_bytes)]
    sizes = offsets + scale * _geometric(len(offsets), random_bytes)
    negative = (_words(len(sizes), random_bytes) & np.uint64(1)).astype(bool)
    # Otherwise 0 would be drawn twice as often as it should.
    kept = ~(negative & (sizes == 0))
    signed: Integers = np.where(negative, -sizes, sizes)[kept]
    return signed


def _geometric(size: int, random_bytes: RandomBytes) -> Integers:
    """Numbers of successful trials with probability 1/e before the first failure."""
    counts = np.zeros(size, dtype=np.int64)
    active = np.arange(size)
    while len(active):
        active = active[bernoulli_exp(np.ones(len(active)), lambda index: Fraction(1), random_bytes)]
        counts[active] += 1
    return counts


def _uniform(below: int, size: int, random_bytes: RandomBytes) -> Integers:
    """Uniform integers from 0 to below - 1."""
    shift = np.uint64(_WORD_BITS - max((below - 1).bit_length(), 1))
    parts, missing = [np.zeros(0, dtype=np.int64)], size
    while missing > 0:
        numbers = (_words(2 * missing, random_bytes) >> shift).astype(np.int64)
        parts.append(numbers[numbers < below][:missing])
        missing -= len(parts[-1])
    return np.concatenate(parts)


def bernoulli_exp(
    exponents: _Floats, exactly: Callable[[int], Fraction], random_bytes: RandomBytes, margin: float = _MARGIN
) -> _Booleans:
    """Bernoulli trials that succeed with probability exp(-x).

    Args:
        exponents: each x >= 0 as a float.
        exactly: returns x as a fraction, by index.
        random_bytes: the source of randomness.
        margin: distance from exp(-x) within which floats do not decide.
    """
    words = _words(len(exponents), random_bytes)
    above = np.exp(-exponents) - words * 2.0**-_WORD_BITS
    succeeded: _Booleans = above > 0
    for index in np.flatnonzero(np.abs(above) <= margin):
        succeeded[index] = _is_below(int(words[index]), exactly(int(index)), random_bytes)
    return succeeded


def _is_below(word: int, exponent: Fraction, random_bytes: RandomBytes) -> bool:
    """Returns True if a uniform number in [0, 1] is below exp(-exponent).

    Args:
        word: its first 64 bits; more are drawn as needed.
        exponent: 0 or more.
        random_bytes: the source of randomness.
    """
    bits = _WORD_BITS
    while True:
        low, high = _exp_interval(exponent, bits)
        if word + 1 <= low:
            return True
        if word >= high:
            return False
        word = word << _WORD_BITS | int.from_bytes(random_bytes(_WORD_BITS // 8), "little")
        bits += _WORD_BITS


def _exp_interval(exponent: Fraction, bits: int) -> tuple[int, int]:
    """Integers below and above 2^bits exp(-exponent), as close as correct rounding at `bits` + 64 allows."""
    ends = []
    for direction, round_to_integer in ((gmpy2.RoundDown, gmpy2.floor), (gmpy2.RoundUp, gmpy2.ceil)):
        with gmpy2.context(precision=bits + _WORD_BITS, round=direction):
            power = gmpy2.exp(gmpy2.mpfr(gmpy2.mpq(-exponent)))
            ends.append(int(round_to_integer(gmpy2.mul_2exp(power, bits))))
    return ends[0], ends[1]


def _words(size: int, random_bytes: RandomBytes) -> _Words:
    return np.frombuffer(random_bytes(size * _WORD_BITS // 8), dtype="<u8").astype(np.uint64)
