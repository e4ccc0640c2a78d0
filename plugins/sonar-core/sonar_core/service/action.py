"""Actions of a service, and how they are printed: one line per Action."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import click

#: Kinds of Actions in which nothing was done for a Campaign.
_OBSERVED = ("started", "stopped", "recovered", "waiting", "noted", "trouble")


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a Capsule or a Mine did, or found out.

    Attributes:
        kind: one word. Done by a Capsule: opened, declined, scored, rejected, rebased, delivered, collected. Done by a
            Mine: submitted, published, dropped, claimed, reclaimed, compensated, expired. Done by both: copied (blobs
            to an IPFS node that had missed them), released (blobs of Campaigns that are over). Found out: waiting (for
            others, or for a block), noted (a new verdict of the policy), trouble (an obstacle; it is tried again),
            recovered (the node answers again). Of the service itself: started, stopped.
        campaign: id; None if the Action concerns no Campaign.
        words: message for people, without secrets, rows, labels or feature values.
    """

    kind: str
    campaign: bytes | None
    words: str

    @property
    def moved(self) -> bool:
        """Whether something was done."""
        return self.kind not in _OBSERVED


def reporter(as_json: bool) -> Callable[[Action], None]:
    """A function that prints an Action on a line of its own, as JSON or for people."""

    def report(action: Action) -> None:
        campaign = "0x" + action.campaign.hex() if action.campaign else ""
        if as_json:
            click.echo(json.dumps({"kind": action.kind, "campaign": campaign or None, "words": action.words}))
        else:
            click.echo(f"{action.kind:12} {campaign[:12]:12}  {action.words}")

    return report
