"""A picture of the Campaigns: accuracy Gradient by Gradient, and the money that each Mine was paid."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from scripts._outcome import Outcome
from sonar_core.protocol.units import WAD

BLUE, ORANGE, GREY = "#1f5fa8", "#c2571a", "#8a8a8a"
#: Beyond so many Gradients their Mines' names would overlap.
_MOST_NAMES = 12


def draw(outcomes: list[Outcome], path: Path) -> None:
    """Writes the picture to one PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn(outcomes).savefig(path, dpi=120)


def drawn(outcomes: list[Outcome]) -> Figure:
    """A figure with a column per Campaign: accuracy above, payouts per Mine below."""
    figure = Figure(figsize=(6.4 * len(outcomes), 6.4), layout="constrained")
    panels = figure.subplots(2, len(outcomes), squeeze=False, height_ratios=(2, 1))
    for above, below, outcome in zip(*panels, outcomes, strict=True):
        _accuracy(above, outcome)
        _payouts(below, outcome)
    return figure


def _accuracy(panel: Axes, outcome: Outcome) -> None:
    numbers = range(len(outcome.gradients) + 1)
    accuracy = [outcome.starting_accuracy / WAD, *(gradient.accuracy_after / WAD for gradient in outcome.gradients)]
    target = outcome.target_accuracy / WAD
    panel.set_title(outcome.title)
    panel.step(numbers, accuracy, where="post", color=BLUE, linewidth=2)
    panel.plot(numbers, accuracy, "o", color=BLUE)
    panel.axhline(target, color=GREY, linestyle="--", linewidth=1)
    panel.annotate("target", (0, target), xytext=(4, 3), textcoords="offset points", color=GREY)
    panel.set_xlabel("Gradients scored")
    panel.set_ylabel(f"{outcome.metric} on the hidden rows")
    panel.set_xlim(-0.2, len(outcome.gradients) + 0.6)
    panel.set_ylim(min(0, *accuracy), 1.06)
    panel.yaxis.set_major_formatter(PercentFormatter(1.0))
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(outcome.gradients) > _MOST_NAMES:
        return
    for number, gradient in enumerate(outcome.gradients, start=1):
        # Two heights in turn: neighbours' names stand clear of each other.
        below = (4, -14 if number % 2 else -26)
        panel.annotate(gradient.mine, (number, accuracy[number]), xytext=below, textcoords="offset points", fontsize=8)


def _payouts(panel: Axes, outcome: Outcome) -> None:
    mines = list(reversed(outcome.books.paid))
    paid = [outcome.books.paid[mine] / 10**outcome.currency.decimals for mine in mines]
    bars = panel.barh(mines, paid, color=ORANGE)
    panel.bar_label(bars, [f"{amount:g}" for amount in paid], padding=4, fontsize=8)
    panel.set_xlim(0, 1.2 * max(paid) or 1)
    panel.set_xlabel(f"paid to each Mine, {outcome.currency.symbol}")
