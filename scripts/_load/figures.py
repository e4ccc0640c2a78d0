"""Figures of a run. Pure: events and when each block was seen in, numbers and a page out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from scripts._load.size import Size
from sonar_core.protocol.events import CampaignOpened, Event, GradientRejected, GradientScored, GradientSubmitted


@dataclass(frozen=True, slots=True)
class Spread:
    """Seconds of many things: half of them took at most the median, 99 of 100 at most the other."""

    median: float
    p99: float

    @classmethod
    def of(cls, seconds: Iterable[float]) -> Spread:
        """The nearest ranks; there is at least one."""
        ordered = sorted(seconds)
        rank = [ordered[math.ceil(part * len(ordered)) - 1] for part in (0.5, 0.99)]
        return cls(*rank)

    def __str__(self) -> str:
        return f"{self.median:.1f} s | {self.p99:.1f} s"


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run came to.

    Attributes:
        submitted, scored, rejected, improved: Gradients.
        seconds: from the first submission to the last score.
        to_submission: from a Campaign's opening to a Gradient's block.
        queue: from a Gradient's block until all before it in its Campaign were scored.
        weighing: from then until its own score's block.
        to_score: both together.
    """

    submitted: int
    scored: int
    rejected: int
    improved: int
    seconds: float
    to_submission: Spread
    queue: Spread
    weighing: Spread
    to_score: Spread

    @property
    def a_minute(self) -> float:
        """Gradients scored."""
        return 60 * self.scored / self.seconds


def figures(events: Iterable[Event], seen: Mapping[int, float]) -> Figures:
    """Reckons a run.

    Args:
        events: of all Campaigns, in order; at least one Gradient was scored.
        seen: when each block with an event was seen, in seconds of a clock that only grows.
    """
    opened: dict[bytes, float] = {}
    submitted: dict[tuple[bytes, int], float] = {}
    scored: dict[tuple[bytes, int], float] = {}
    rejected = improved = 0
    for event in events:
        time = seen.get(event.position.block, math.nan)
        match event:
            case CampaignOpened():
                opened[event.campaign] = time
            case GradientSubmitted():
                submitted[event.campaign, event.number] = time
            case GradientScored():
                scored[event.campaign, event.number] = time
                improved += event.accuracy_after > event.accuracy_before
            case GradientRejected():
                scored[event.campaign, event.number] = time
                rejected += 1
    turns = {
        (campaign, number): max(submitted[campaign, number], scored.get((campaign, number - 1), -math.inf))
        for campaign, number in scored
    }
    return Figures(
        submitted=len(submitted),
        scored=len(scored),
        rejected=rejected,
        improved=improved,
        seconds=max(scored.values()) - min(submitted.values()),
        to_submission=Spread.of(time - opened[campaign] for (campaign, _), time in submitted.items()),
        queue=Spread.of(turns[one] - submitted[one] for one in scored),
        weighing=Spread.of(scored[one] - turns[one] for one in scored),
        to_score=Spread.of(scored[one] - submitted[one] for one in scored),
    )


def table(size: Size, found: Figures, memory: Mapping[str, int]) -> str:
    """The figures as a table in Markdown; `memory` is the most that each process held, in MiB."""
    rows = [
        ("Campaigns, Mines, Gradients", f"{size.campaigns}, {size.mines}, {found.submitted} | "),
        ("scored, of them rejected, improved the Model", f"{found.scored}, {found.rejected}, {found.improved} | "),
        ("first submission to last score", f"{found.seconds:.0f} s | "),
        ("throughput", f"{found.a_minute:.1f} scores a minute | "),
        ("Campaign opened to Gradient submitted", str(found.to_submission)),
        ("submitted to scored", str(found.to_score)),
        ("of this, in its Campaign's queue", str(found.queue)),
        ("of this, fetched, opened, weighed, sent", str(found.weighing)),
        *((f"memory of {name}", f"{most} MiB | ") for name, most in memory.items()),
    ]
    head = ["| | median, or all | p99 |", "| --- | ---: | ---: |"]
    return "\n".join([*head, *(f"| {name} | {value} |" for name, value in rows)])
