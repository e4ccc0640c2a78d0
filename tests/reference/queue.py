"""The queue of Gradients: whose turn it is, what is due, and whether a preimage is what is kept."""

from __future__ import annotations

from dataclasses import replace

from sonar_core.protocol.structs import GradientRecord, Next, ScoredRecord
from tests.reference.campaign import Campaign, Gradient
from tests.reference.message import need
from tests.reference.rules import need_running


def queue_due(c: Campaign) -> int:
    """What the chain keeps as `due`: the awaited Gradient's, else the earliest that a delivery can be overdue."""
    if c.awaits_score:
        return c.gradients[c.scored].record.due
    return c.last_scored_at + c.terms.delivery_window if c.scored else 0


def need_oldest(c: Campaign, now: int, given: GradientRecord) -> Gradient:
    """The Gradient whose turn it is, which must be the one given."""
    need_running(c, now)
    need(c.awaits_score, "NothingToScore")
    need(given.number == c.scored, "NotNextInOrder")
    gradient = c.gradients[c.scored]
    need(given == gradient.record, "WrongGradient")
    return gradient


def need_following(after: Campaign, following: Next) -> None:
    """Whoever scores shows the Gradient whose turn it is then, where one is still awaited."""
    if after.awaits_score:
        need(following == after.gradients[after.scored].record.as_next(), "WrongNext")


def after_score(c: Campaign, now: int, gradient: Gradient) -> Campaign:
    return replace(c.with_gradients(gradient), scored=c.scored + 1, last_scored_at=now)


def need_scored(c: Campaign, miner: str, given: ScoredRecord) -> Gradient:
    """The scored Gradient that the preimage and the miner tell of, as long as nothing was paid for it."""
    need(given.number < len(c.gradients), "WrongGradient")
    gradient = c.gradients[given.number]
    kept = not gradient.rewarded and not gradient.fee_back
    need(kept and gradient.scored == given and gradient.record.miner == miner, "WrongGradient")
    return gradient


def need_unscored(c: Campaign, miner: str, given: GradientRecord) -> Gradient:
    """The same for one that was never scored."""
    need(given.number < len(c.gradients), "WrongGradient")
    gradient = c.gradients[given.number]
    kept = gradient.scored is None and not gradient.fee_back
    need(kept and gradient.record == given and given.miner == miner, "WrongGradient")
    return gradient
