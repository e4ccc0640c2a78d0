"""What a dataset may still tell, in epsilon and delta. Pure: a policy's budget and what is spent in, a price out."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from ape_mine.errors import BudgetExceededError, ExactStatisticsLeftError, SpendingUnknownError
from ape_mine.policy.document import Privacy
from syft.privacy import Budget

#: What a dataset is booked with whose spending was lost: more than any budget is good for.
UNKNOWN_RHO = Fraction(10**9)


@dataclass(frozen=True, slots=True)
class Spending:
    """What a dataset has told so far.

    Attributes:
        rho: zCDP of all its releases together, whatever they were asked for and whichever version of it they are of.
        releases: how many those are.
        exact_gradients: Gradients computed from its exact statistics: what those tell is bounded by nothing.
    """

    rho: Fraction = Fraction(0)
    releases: int = 0
    exact_gradients: int = 0

    @property
    def unknown(self) -> bool:
        """Whether what it told was lost with a state file."""
        return self.rho >= UNKNOWN_RHO

    def left(self, budget: Budget) -> Fraction:
        """The rho that may still be spent; none where nothing bounds what was told."""
        return Fraction(0) if self.exact_gradients else max(budget.rho - self.rho, Fraction(0))


@dataclass(frozen=True, slots=True)
class Quote:
    """What a Gradient costs before it is computed.

    Attributes:
        privacy: the policy's terms.
        spent: rho before it.
        price: the most rho that it adds; 0 where a release stands that serves it.
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
    """What a Gradient of a dataset would cost.

    Args:
        dataset: its name, for errors.
        privacy: the policy's terms for it.
        spending: so far.
        released: whether the noisy statistics that it needs have been released.

    Raises:
        SpendingUnknownError: what was spent was lost.
        BudgetExceededError: more than the budget would be spent, or, with a budget that was made smaller, is already.
        ExactStatisticsLeftError: nothing can be promised of the dataset any more.
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
