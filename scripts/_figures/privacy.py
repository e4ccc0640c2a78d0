"""Accuracy against epsilon on digits, breast cancer and tweets: figure and table of docs/explanation/privacy.md.

    python -m scripts._figures.privacy

Every number follows from fixed seeds.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter

from scripts._figures.privacy_cases import EPSILONS, Curve, cases, measure

_COLOURS, _MUTED = ("#1f5fa8", "#c2571a"), "#8a8a8a"
_SHOWN = (0.5, 1.0, 2.0, 4.0, 8.0)
_TABLE = re.compile(r"(<!-- accuracy -->\n).*?(<!-- end of accuracy -->)", re.DOTALL)


def main() -> None:
    """Draws, writes and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--docs", type=Path, default=Path("docs"))
    docs = parser.parse_args().docs
    curves = [measure(case) for case in cases()]
    draw(curves, docs / "privacy.svg")
    page, rows = docs / "privacy.md", table(curves)
    page.write_text(_TABLE.sub(lambda found: found[1] + rows + found[2], page.read_text("utf-8")), "utf-8")
    print(rows)


def table(curves: list[Curve]) -> str:
    """Markdown: a line a Model, a column an epsilon; means, in per cent."""
    heads = [f"epsilon {epsilon:g}" for epsilon in _SHOWN]
    lines = ["| data | Model | no Model | " + " | ".join(heads) + " | no noise |", "| --- " * (len(heads) + 4) + "|"]
    for curve in curves:
        means = curve.accuracies.mean(axis=1)
        shares = [curve.constant, *(means[EPSILONS.index(epsilon)] for epsilon in _SHOWN), curve.exact]
        cells = [curve.case.data, curve.case.words, *(f"{100 * share:.1f}" for share in shares)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def draw(curves: list[Curve], path: Path) -> None:
    """Writes one SVG, the same bytes for the same curves, with a panel a data set."""
    panels: dict[str, list[Curve]] = {}
    for curve in curves:
        panels.setdefault(curve.case.data, []).append(curve)
    with mpl.rc_context({"svg.hashsalt": "sonar", "svg.fonttype": "none"}):
        figure = Figure(figsize=(4.2 * len(panels), 3.6), layout="constrained")
        axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for panel, (name, own) in zip(axes, panels.items(), strict=True):
            _draw_panel(panel, name, own)
        axes[0].set_ylabel("accuracy, held out")
        figure.savefig(path, metadata={"Date": None})


def _draw_panel(panel: Axes, name: str, curves: list[Curve]) -> None:
    for curve, colour in zip(curves, _COLOURS, strict=False):
        accuracies = curve.accuracies
        panel.fill_between(EPSILONS, accuracies.min(axis=1), accuracies.max(axis=1), color=colour, alpha=0.15, lw=0)
        panel.plot(EPSILONS, accuracies.mean(axis=1), "o-", color=colour, ms=4, label=curve.case.words)
        panel.axhline(curve.exact, color=colour, ls=":", lw=1)
    panel.axhline(curves[0].constant, color=_MUTED, ls="--", lw=1)
    panel.set_title(name)
    panel.set_xlabel("epsilon")
    panel.set_xscale("log", base=2)
    panel.xaxis.set_major_locator(FixedLocator(EPSILONS))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.set_xticklabels([f"{epsilon:g}" for epsilon in EPSILONS])
    panel.set_ylim(0, 1)
    panel.yaxis.set_major_formatter(PercentFormatter(1.0))
    panel.legend(loc="lower right", frameon=False, fontsize=8)


if __name__ == "__main__":
    main()
