"""Accounting compared with dp-accounting, with the exact privacy curve of a discrete Gaussian, and with grid search."""

import math
from fractions import Fraction

import dp_accounting
import numpy as np
import pytest
from dp_accounting.pld.privacy_loss_distribution import from_discrete_gaussian_mechanism
from dp_accounting.rdp import RdpAccountant
from hypothesis import given, settings
from hypothesis import strategies as st

from syft.errors import PrivacyError
from syft.privacy import Budget, delta_of, epsilon_of

#: A finer grid than dp-accounting's own, so that its minimum approximates that over all orders.
_ORDERS = [1 + 10**power for power in np.linspace(-2, 4, 3_000)]


def multiplier(rho):
    """Standard deviation of the noise in units of the sensitivity."""
    return 1 / math.sqrt(2 * rho)


@pytest.mark.parametrize("delta", [1e-9, 1e-6, 1e-3])
@pytest.mark.parametrize("rho", [1e-4, 0.01, 0.3, 2.0, 20.0])
def test_epsilon_is_that_of_dp_accounting(rho, delta):
    accountant = RdpAccountant(_ORDERS)
    accountant.compose(dp_accounting.GaussianDpEvent(multiplier(rho)))
    assert epsilon_of(rho, delta) == pytest.approx(accountant.get_epsilon(delta), rel=1e-4)


@pytest.mark.parametrize("delta", [1e-8, 1e-5])
def test_releases_add_up_as_in_dp_accounting(delta):
    rhos = [0.002, 0.03, 0.03, 0.4]
    accountant = RdpAccountant(_ORDERS)
    for rho in rhos:
        accountant.compose(dp_accounting.GaussianDpEvent(multiplier(rho)))
    assert epsilon_of(sum(rhos), delta) == pytest.approx(accountant.get_epsilon(delta), rel=1e-4)


@pytest.mark.parametrize("sigma", [1, 2, 5, 12])
def test_never_below_the_exact_curve_of_one_discrete_gaussian(sigma):
    """dp-accounting computes the full privacy loss distribution of one discrete Gaussian of sensitivity 1."""
    exact = from_discrete_gaussian_mechanism(sigma, value_discretization_interval=1e-3, pessimistic_estimate=False)
    rho = 1 / (2 * sigma**2)
    for delta in (1e-7, 1e-5, 1e-3):
        least = exact.get_epsilon_for_delta(delta)
        assert least <= epsilon_of(rho, delta) <= 1.25 * least + 0.01


@pytest.mark.parametrize("epsilon", [0.1, 1.0, 4.0, 12.0])
def test_a_little_dearer_than_the_continuous_gaussian_and_no_cheaper(epsilon):
    rho = float(Budget(epsilon, 1e-6).rho)
    analytic = dp_accounting.get_epsilon_gaussian(multiplier(rho), 1e-6)
    assert analytic <= epsilon <= 1.12 * analytic


@given(rho=st.floats(1e-6, 50), epsilon=st.floats(0, 60))
@settings(max_examples=60, deadline=None)
def test_delta_is_the_least_over_a_grid_of_orders(rho, epsilon):
    grid = np.logspace(-8, 8, 4_001)
    logs = grid * ((1 + grid) * rho - epsilon) + grid * (np.log(grid) - np.log1p(grid)) - np.log1p(grid)
    found, least = delta_of(rho, epsilon), min(float(np.exp(np.minimum(logs, 0)).min()), 1.0)
    assert found <= least * (1 + 1e-9)
    assert found == pytest.approx(least, rel=1e-2, abs=1e-300)


@given(epsilon=st.floats(1e-3, 200), power=st.floats(-12, -1))
@settings(max_examples=60, deadline=None)
def test_a_budget_is_spent_to_the_last_and_no_further(epsilon, power):
    budget = Budget(epsilon, 10**power)
    rho = float(budget.rho)
    assert delta_of(rho, epsilon) <= budget.delta
    assert delta_of(rho * (1 + 1e-6), epsilon) > budget.delta
    assert budget.epsilon_of(budget.rho) == pytest.approx(epsilon, rel=1e-6)
    assert budget.epsilon_of(budget.rho / 2) < epsilon


def test_nothing_spent_is_nothing_told():
    assert (delta_of(0, 0.0), epsilon_of(0, 1e-9), Budget(1, 1e-6).epsilon_of(Fraction(0))) == (0, 0, 0)


@pytest.mark.parametrize(
    ("epsilon", "delta"), [(0, 0.1), (-1, 0.1), (1001, 0.1), (math.nan, 0.1), (1, 0), (1, 1), (1, -0.1), (1, math.nan)]
)
def test_a_promise_that_is_none_is_refused(epsilon, delta):
    with pytest.raises(PrivacyError, match=r"epsilon must be|delta must be"):
        Budget(epsilon, delta)


@pytest.mark.parametrize(("rho", "delta"), [(-1, 0.1), (math.inf, 0.1), (math.nan, 0.1), (1, 0), (1, 1)])
def test_numbers_out_of_range_have_no_epsilon(rho, delta):
    with pytest.raises(PrivacyError, match=r"rho must be|delta must be"):
        epsilon_of(rho, delta)
