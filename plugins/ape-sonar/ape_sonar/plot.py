"""A Campaign as a figure. The only module that needs matplotlib (extra `plot`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sonar_core.base.errors import SonarError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ape_sonar.campaign import Campaign


class PlotUnavailableError(SonarError, ModuleNotFoundError):
    """Matplotlib is not installed."""

    def __init__(self) -> None:
        super().__init__("a plot needs matplotlib: pip install 'ape-sonar[plot]'")


def plot_campaign(campaign: Campaign) -> Figure:
    """Accuracy after each scored Gradient as steps, the target as a line, and rewards as bars.

    Raises:
        PlotUnavailableError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ModuleNotFoundError:
        raise PlotUnavailableError from None

    gradients = [one for one in campaign.gradients() if not one.is_waiting]
    figure = Figure(layout="constrained")
    accuracy = figure.subplots()
    rewards = accuracy.twinx()
    numbers = [one.number + 1 for one in gradients]
    reached = [float(campaign.starting_accuracy), *(float(one.after) for one in gradients)]
    rewards.bar(numbers, [float(one.reward.value) for one in gradients], color="tab:orange", alpha=0.4, label="reward")
    rewards.set_ylabel(f"reward, {campaign.currency.symbol}")
    accuracy.step([0, *numbers], reached, where="post", marker="o", label="accuracy")
    accuracy.axhline(float(campaign.target_accuracy), linestyle="--", color="tab:gray", label="target")
    accuracy.set(xlabel="Gradients scored", ylabel="accuracy", title=f"Campaign 0x{campaign.id.hex()}")
    accuracy.xaxis.set_major_locator(MaxNLocator(integer=True))
    lines, names = accuracy.get_legend_handles_labels()
    bars, bar_names = rewards.get_legend_handles_labels()
    accuracy.legend(lines + bars, names + bar_names, loc="best")
    return figure
