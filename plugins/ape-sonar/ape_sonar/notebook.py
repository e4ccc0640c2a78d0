"""HTML of Campaigns, Gradients and trained Models for notebooks. Every text of a stranger is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from ape_sonar.formatting import format_accuracy, format_duration, format_time

if TYPE_CHECKING:
    from ape_sonar.campaign import Campaign, Gradient
    from ape_sonar.trained_model import TrainedModel


def campaign_table(campaign: Campaign) -> str:
    """A Campaign: who, how far, how much, how long."""
    terms = campaign.state.terms
    rows = [
        ("Status", str(campaign.status)),
        ("Data Scientist", campaign.state.scientist),
        ("Capsule", terms.capsule),
        ("Bounty", str(campaign.bounty)),
        ("Earned by Miners", str(campaign.earned)),
        ("Still to be earned", str(campaign.remaining_reward)),
        ("Gradients", f"{campaign.state.scored} scored of {campaign.state.submitted}"),
    ]
    if campaign.state.reason:
        rows.insert(1, ("Declined because", campaign.state.reason))
    if not campaign.has_ended:
        end = f"{format_time(campaign.state.ends_at)}, in {format_duration(campaign.time_left)}"
        rows.append(("Mining ends" if campaign.state.start else "To be opened until", end))
    return _caption(f"Campaign 0x{campaign.id.hex()}") + progress_bar(campaign) + _facts(rows)


def reached(campaign: Campaign) -> tuple[float, float]:
    """The accuracy reached, and the part of the way from the starting accuracy to the target, 0 to 1."""
    start, target = float(campaign.starting_accuracy), float(campaign.target_accuracy)
    accuracy = max(start, float(campaign.accuracy))
    return accuracy, min(1.0, (accuracy - start) / (target - start)) if target > start else 1.0


def progress_bar(campaign: Campaign) -> str:
    """The way from the starting accuracy to the target."""
    accuracy, part = reached(campaign)
    start, target = campaign.starting_accuracy, campaign.target_accuracy
    words = f"accuracy {format_accuracy(accuracy)} of {format_accuracy(target)}, from {format_accuracy(start)}"
    return f'<p><progress max="1" value="{part:.4f}"></progress> {escape(words)}</p>'


def gradient_table(gradients: Sequence[Gradient]) -> str:
    """One row per Gradient."""
    head = ("Gradient", "Miner", "Verdict", "Before", "After", "Reward")
    rows = (
        (
            str(one.number),
            one.miner,
            one.verdict,
            format_accuracy(one.before),
            format_accuracy(one.after),
            str(one.reward),
        )
        for one in gradients
    )
    return _table(head, rows)


def model_table(trained: TrainedModel) -> str:
    """A trained Model: its class, its records, its accuracy."""
    encoder = trained.encoder
    rows = [
        ("Model", type(trained.model).__name__),
        ("Input", ", ".join(encoder.input.names)),
        ("Output", ", ".join(encoder.output.names)),
        ("Metric", encoder.metric),
        ("Accuracy on the validation set", format_accuracy(trained.accuracy)),
    ]
    if encoder.classes:
        rows.insert(3, ("Classes", ", ".join(map(str, encoder.classes))))
    return _caption("Trained Model") + _facts(rows)


def _caption(text: str) -> str:
    return f"<p><b>{escape(text)}</b></p>"


def _facts(rows: Iterable[tuple[str, str]]) -> str:
    lines = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows)
    return f"<table>{lines}</table>"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    def line(cells: Iterable[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    body = "".join(line(row, "td") for row in rows)
    return f"<table><thead>{line(head, 'th')}</thead><tbody>{body}</tbody></table>"
