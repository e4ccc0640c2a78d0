"""The sampler compared with the exact distribution in decimals, and its trials with exact comparisons."""

from collections import Counter
from decimal import Decimal, getcontext
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from scipy import stats

from syft.errors import PrivacyError
from syft.privacy import discrete_gaussian
from syft.privacy.discrete_gaussian import LARGEST_SIGMA, bernoulli_exp

getcontext().prec = 60
_SAMPLES = 200_000
#: A correct sampler has a smaller p-value for one of 10,000 seeds; the seeds are fixed.
_UNLIKELY = 1e-4


def source(seed):
    return np.random.default_rng(seed).bytes


def exact_chances(sigma):
    """Probability of each integer up to twelve sigma."""
    reach = range(-12 * sigma, 12 * sigma + 1)
    weights = {x: (-Decimal(x * x) / (2 * sigma * sigma)).exp() for x in reach}
    total = sum(weights.values())
    return {x: float(weight / total) for x, weight in weights.items()}


def chi_square(samples, sigma):
    """Chi-squared p-value of samples under the exact distribution, with at least 20 expected per cell."""
    chances, counts = exact_chances(sigma), Counter(samples.tolist())
    cells, expected, observed = [], 0.0, 0
    for x in sorted(chances):
        expected, observed = expected + chances[x] * len(samples), observed + counts.pop(x, 0)
        if expected >= 20:
            cells.append((observed, expected))
            expected, observed = 0.0, 0
    assert not counts, "a sample beyond twelve sigma"
    cells[-1] = (cells[-1][0] + observed, cells[-1][1] + expected)
    seen, awaited = np.array(cells).T
    return stats.chisquare(seen, awaited * seen.sum() / awaited.sum()).pvalue


@pytest.mark.parametrize("sigma", [1, 2, 3, 7, 40])
def test_samples_are_distributed_exactly_so(sigma):
    assert chi_square(discrete_gaussian(sigma, _SAMPLES, source(sigma)), sigma) > _UNLIKELY


def test_the_measure_sees_what_is_merely_near():
    """The test rejects a rounded continuous Gaussian, whose variance is larger by 1/12, and a shift of 5 %."""
    generator = np.random.default_rng(5)
    rounded = np.rint(generator.normal(scale=1, size=_SAMPLES)).astype(np.int64)
    shifted = discrete_gaussian(2, _SAMPLES, source(2)) + (generator.random(_SAMPLES) < 0.05)
    assert chi_square(rounded, 1) < _UNLIKELY
    assert chi_square(shifted, 2) < _UNLIKELY


@pytest.mark.parametrize("sigma", [10**6 + 3, 1 << 30, LARGEST_SIGMA])
def test_a_wide_one_looks_like_its_continuous_kin(sigma):
    """For a large sigma, the distribution is close to the continuous Gaussian: they differ by about 1 / sigma."""
    samples = discrete_gaussian(sigma, 50_000, source(9))
    assert samples.dtype == np.int64
    assert stats.kstest(samples / sigma, "norm").pvalue > _UNLIKELY
    assert (samples % 2 == 0).mean() == pytest.approx(0.5, abs=0.01), "the last digit is as random as the others"


def test_as_many_as_asked_for_and_each_time_others():
    assert discrete_gaussian(5, 0).shape == (0,)
    assert discrete_gaussian(5, 1).shape == (1,)
    assert discrete_gaussian(1 << 40, 100).tolist() != discrete_gaussian(1 << 40, 100).tolist()
    assert discrete_gaussian(9, 50, source(1)).tolist() == discrete_gaussian(9, 50, source(1)).tolist()


@pytest.mark.parametrize("sigma", [0, -1, LARGEST_SIGMA + 1])
def test_other_sigmas_are_refused(sigma):
    with pytest.raises(PrivacyError, match="sigma must be"):
        discrete_gaussian(sigma, 1)


# ------------------------------------------------------------------ trials


def test_floats_decide_as_exact_arithmetic_does():
    """Equal bits give equal decisions, with floats and without."""
    generator = np.random.default_rng(3)
    exact = [Fraction(int(n), int(d)) for n, d in generator.integers((0, 1), 10**9, (2_000, 2))]
    exponents = np.array([float(x) for x in exact])
    for seed in range(3):
        quick = bernoulli_exp(exponents, exact.__getitem__, source(seed))
        slow = bernoulli_exp(exponents, exact.__getitem__, source(seed), margin=2.0)
        assert quick.tolist() == slow.tolist()
        assert 0 < quick.sum() < len(quick)


@pytest.mark.parametrize("exponent", [Fraction(1), Fraction(1, 3), Fraction(22, 7)])
def test_where_64_bits_do_not_decide_more_are_drawn(exponent):
    """exp(-x) is between this word and the next, so further bits decide."""
    power = (-Decimal(exponent.numerator) / exponent.denominator).exp()
    word = int(power * 2**64)
    second = int((power * 2**64 - word) * 2**64)
    for continued, below in ([0], True), ([2**64 - 1], False), ([second, 0], True), ([second, 2**64 - 1], False):
        script = iter([number.to_bytes(8, "little") for number in (word, *continued)])
        decided = bernoulli_exp(np.array([float(exponent)]), [exponent].__getitem__, partial(_next, script))
        assert decided.tolist() == [below]
        assert next(script, None) is None, "every bit was asked for"


def _next(script, size):
    return next(script)


def test_what_cannot_fail_does_not():
    """exp(0) = 1 is above every uniform number, the largest included."""
    assert bernoulli_exp(np.zeros(3), lambda index: Fraction(0), lambda size: b"\xff" * size).all()
