"""What a party that runs by itself tells of its doings, a line each."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import click


@dataclass(frozen=True, slots=True)
class Action:
    """Something that a Capsule or a Mine did or found out.

    Attributes:
        kind: one word. What was done: opened, declined, scored, rejected, rebased, delivered and collected by a
            Capsule; submitted, published, dropped, claimed, reclaimed, compensated and expired by a Mine; by both:
            copied, to an IPFS node that had missed it, and released, blobs of Campaigns that are over. What was found
            out: waiting, for what others do or for a block; noted, a new verdict of the policy; trouble, what stood in
            the way and is tried again.
        campaign: id; None for what is about no Campaign.
        words: for people; no secret, row, label or feature value in them.
    """

    kind: str
    campaign: bytes | None
    words: str

    @property
    def moved(self) -> bool:
        """Whether something was done, and not only found out."""
        return self.kind not in ("waiting", "noted", "trouble")


def reporter(as_json: bool) -> Callable[[Action], None]:
    """Tells each action on a line of its own, as it happens."""

    def tell(action: Action) -> None:
        campaign = "0x" + action.campaign.hex() if action.campaign else ""
        if as_json:
            click.echo(json.dumps({"kind": action.kind, "campaign": campaign or None, "words": action.words}))
        else:
            click.echo(f"{action.kind:12} {campaign[:12]:12}  {action.words}")

    return tell
