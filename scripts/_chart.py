"""A picture of a Campaign: accuracy and spend, Gradient by Gradient."""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from scripts._outcome import WAD, Outcome

ACCURACY, SPEND, MUTED = "#1f5fa8", "#c2571a", "#8a8a8a"


def draw(outcomes: list[Outcome], path: Path) -> None:
    """Writes one PNG with a panel a Campaign: accuracy on the left axis, what Miners earned on the right one."""
    figure = Figure(figsize=(6.4 * len(outcomes), 4.4), layout="constrained")
    panels = figure.subplots(1, len(outcomes), squeeze=False)[0]
    for panel, outcome in zip(panels, outcomes, strict=True):
        _panel(panel, outcome)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def _panel(panel, outcome: Outcome) -> None:  # type: ignore[no-untyped-def]
    steps = range(len(outcome.gradients) + 1)
    accuracy = [outcome.starting_accuracy / WAD, *(gradient.accuracy_after / WAD for gradient in outcome.gradients)]
    spend = [0, *accumulate(gradient.reward / 10**outcome.currency.decimals for gradient in outcome.gradients)]

    panel.set_title(outcome.title)
    panel.step(steps, accuracy, where="post", color=ACCURACY, linewidth=2)
    panel.plot(steps, accuracy, "o", color=ACCURACY)
    panel.axhline(outcome.target_accuracy / WAD, color=MUTED, linestyle="--", linewidth=1)
    panel.annotate("target", (0, outcome.target_accuracy / WAD), xytext=(4, 3), textcoords="offset points", color=MUTED)
    panel.set_xlabel("Gradients scored")
    panel.set_ylabel(outcome.metric, color=ACCURACY)
    panel.set_ylim(0, 1.06)
    panel.yaxis.set_major_formatter(PercentFormatter(1.0))
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    for step, gradient in enumerate(outcome.gradients, start=1):
        panel.annotate(
            gradient.mine, (step, accuracy[step]), xytext=(0, -14), textcoords="offset points", ha="center", fontsize=8
        )

    right = panel.twinx()
    right.fill_between(steps, spend, step="post", color=SPEND, alpha=0.25)
    right.set_ylabel(f"earned by Miners, {outcome.currency.symbol}", color=SPEND)
    right.set_ylim(0, 1.06 * outcome.bounty / 10**outcome.currency.decimals)
