"""The discrete Gaussian over the integers, sampled exactly.

Canonne, Kamath and Steinke, "The discrete Gaussian for differential privacy" (2020), algorithms 1 to 3: rejection from
a discrete Laplace distribution. Their Bernoulli trials with probability exp(-x) are decided here by comparing a uniform
number, of which as many bits are drawn as it takes, with exp(-x): floats decide the clear cases, many at once, and
correctly rounded intervals the others. What is accepted is therefore exactly what real arithmetic would accept.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from fractions import Fraction

import gmpy2
import numpy as np
from numpy.typing import NDArray

from syft.errors import PrivacyError
from syft.nn.integers import Integers

#: Gives that many uniform random bytes.
RandomBytes = Callable[[int], bytes]

#: Larger, and a sample's distance from sigma might not be exact as a float.
LARGEST_SIGMA = 1 << 46
_WORD_BITS = 64
#: A float of exp(-x) is off by a few times 2^-53; within this much of it nothing is decided by floats.
_DOUBT = 2.0**-40
#: Samples drawn at once: bounds the memory, whatever their number.
_LEAST_BATCH, _LARGEST_BATCH = 64, 1 << 18

_Floats = NDArray[np.float64]
_Words = NDArray[np.uint64]
_Truths = NDArray[np.bool_]


def discrete_gaussian(sigma: int, size: int, random_bytes: RandomBytes = secrets.token_bytes) -> Integers:
    """Independent samples x with probability proportional to exp(-x^2 / (2 sigma^2)); int64, shape (size,).

    Args:
        sigma: a whole number from 1 to 2^46.
        size: how many.
        random_bytes: the source of randomness; the operating system's by default.

    Raises:
        PrivacyError: a sigma out of its range.
    """
    if not 1 <= sigma <= LARGEST_SIGMA:
        raise PrivacyError(f"sigma must be a whole number from 1 to 2^46, not {sigma}")
    parts, missing = [np.zeros(0, dtype=np.int64)], size
    while missing > 0:
        # Of three tries at least one is kept, but for chance.
        tries = 3 * min(missing, _LARGEST_BATCH) + _LEAST_BATCH
        candidates = _discrete_laplace(sigma, tries, random_bytes)
        beyond = np.abs(candidates) - sigma
        accepted = bernoulli_exp((beyond / sigma) ** 2 / 2, _Squares(beyond, sigma), random_bytes)
        parts.append(candidates[accepted][:missing])
        missing -= len(parts[-1])
    return np.concatenate(parts)


class _Squares:
    """x^2 / (2 sigma^2), exactly, by place."""

    def __init__(self, numbers: Integers, sigma: int) -> None:
        self._numbers, self._sigma = numbers, sigma

    def __call__(self, place: int) -> Fraction:
        return Fraction(int(self._numbers[place]) ** 2, 2 * self._sigma**2)


def _discrete_laplace(scale: int, tries: int, random_bytes: RandomBytes) -> Integers:
    """Samples x with probability proportional to exp(-|x| / scale): as many as `tries` bring."""
    rests = _uniform(scale, tries, random_bytes)
    rests = rests[bernoulli_exp(rests / scale, lambda place: Fraction(int(rests[place]), scale), random_bytes)]
    sizes = rests + scale * _geometric(len(rests), random_bytes)
    negative = (_words(len(sizes), random_bytes) & np.uint64(1)).astype(bool)
    # Or zero would come up twice as often as it should.
    kept = ~(negative & (sizes == 0))
    signed: Integers = np.where(negative, -sizes, sizes)[kept]
    return signed


def _geometric(size: int, random_bytes: RandomBytes) -> Integers:
    """How many trials with probability 1/e succeed before the first that does not."""
    counts = np.zeros(size, dtype=np.int64)
    going = np.arange(size)
    while len(going):
        going = going[bernoulli_exp(np.ones(len(going)), lambda place: Fraction(1), random_bytes)]
        counts[going] += 1
    return counts


def _uniform(below: int, size: int, random_bytes: RandomBytes) -> Integers:
    """Uniform numbers from 0 to below - 1."""
    shift = np.uint64(_WORD_BITS - max((below - 1).bit_length(), 1))
    parts, missing = [np.zeros(0, dtype=np.int64)], size
    while missing > 0:
        numbers = (_words(2 * missing, random_bytes) >> shift).astype(np.int64)
        parts.append(numbers[numbers < below][:missing])
        missing -= len(parts[-1])
    return np.concatenate(parts)


def bernoulli_exp(
    exponents: _Floats, exactly: Callable[[int], Fraction], random_bytes: RandomBytes, doubt: float = _DOUBT
) -> _Truths:
    """Trials that succeed with probability exp(-x).

    Args:
        exponents: each x >= 0 as a float.
        exactly: x itself, by its place.
        random_bytes: the source of randomness.
        doubt: how near to exp(-x) a uniform number must be not to be trusted to floats.
    """
    words = _words(len(exponents), random_bytes)
    above = np.exp(-exponents) - words * 2.0**-_WORD_BITS
    succeeded: _Truths = above > 0
    for place in np.flatnonzero(np.abs(above) <= doubt):
        succeeded[place] = _is_below(int(words[place]), exactly(int(place)), random_bytes)
    return succeeded


def _is_below(word: int, exponent: Fraction, random_bytes: RandomBytes) -> bool:
    """Whether a uniform number in [0, 1] that begins with 64 bits is below exp(-exponent): draws the rest as needed."""
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
    """Whole numbers around 2^bits exp(-exponent): the nearest two, but for a last digit of the arithmetic's."""
    ends = []
    for direction, whole in ((gmpy2.RoundDown, gmpy2.floor), (gmpy2.RoundUp, gmpy2.ceil)):
        with gmpy2.context(precision=bits + _WORD_BITS, round=direction):
            power = gmpy2.exp(gmpy2.mpfr(gmpy2.mpq(-exponent)))
            ends.append(int(whole(gmpy2.mul_2exp(power, bits))))
    return ends[0], ends[1]


def _words(size: int, random_bytes: RandomBytes) -> _Words:
    return np.frombuffer(random_bytes(size * _WORD_BITS // 8), dtype="<u8").astype(np.uint64)
