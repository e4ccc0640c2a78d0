"""Differential-privacy budget of a dataset: the price of the next Gradient, given the rho already spent. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from ape_mine.errors import BudgetExceededError, ExactStatisticsLeftError, SpendingUnknownError
from ape_mine.policy.document import Privacy
from syft.privacy import Budget

#: Rho charged to a dataset whose spending is unknown: more than any budget allows.
UNKNOWN_RHO = Fraction(10**9)


@dataclass(frozen=True, slots=True)
class Spending:
    """What a dataset has disclosed so far.

    Attributes:
        rho: sum over all releases of all its versions, in zCDP (Bun and Steinke, 2016).
        releases: number of releases of noisy statistics.
        exact_gradients: number of Gradients from exact statistics, whose disclosure nothing bounds.
    """

    rho: Fraction = Fraction(0)
    releases: int = 0
    exact_gradients: int = 0

    @property
    def unknown(self) -> bool:
        """Whether the record of its spending was lost with a state file."""
        return self.rho >= UNKNOWN_RHO

    def left(self, budget: Budget) -> Fraction:
        """The rho that may still be spent; 0 if exact statistics were used."""
        return Fraction(0) if self.exact_gradients else max(budget.rho - self.rho, Fraction(0))


@dataclass(frozen=True, slots=True)
class Quote:
    """Price of a Gradient in privacy, before it is computed.

    Attributes:
        privacy: the policy's terms.
        spent: rho before it.
        price: upper bound of the rho that it adds; 0 if an earlier release serves it.
    """

    privacy: Privacy
    spent: Fraction
    price: Fraction

    def __str__(self) -> str:
        budget = self.privacy.budget
        before, after = (budget.epsilon_of(rho) for rho in (self.spent, self.spent + self.price))
        whole = f"{budget.epsilon:g} at delta {budget.delta:g}"
        if not self.price:
            return f"it uses noisy statistics that were released before and spends no more of epsilon {whole}"
        return f"it spends of epsilon {whole}: {after:.3g} in all, {before:.3g} before"


def quote(dataset: str, privacy: Privacy, spending: Spending, *, released: bool) -> Quote:
    """Price of the next Gradient from a dataset.

    Args:
        dataset: its name, for errors.
        privacy: the policy's terms for it.
        spending: so far.
        released: whether the noisy statistics that the Gradient needs were released before.

    Raises:
        SpendingUnknownError: the record of earlier spending was lost.
        BudgetExceededError: the budget would be exceeded, or already is, since the policy lowered it.
        ExactStatisticsLeftError: Gradients from exact statistics were made before, which no budget bounds.
    """
    if spending.exact_gradients:
        raise ExactStatisticsLeftError(dataset, spending.exact_gradients)
    if spending.unknown:
        raise SpendingUnknownError(dataset)
    price, budget = Fraction(0) if released else privacy.price, privacy.budget
    if spending.rho + price > budget.rho:
        asked, left = budget.epsilon_of(price), budget.epsilon_of(spending.left(budget))
        raise BudgetExceededError(dataset, budget, asked=asked, left=left)
    return Quote(privacy, spending.rho, price)
