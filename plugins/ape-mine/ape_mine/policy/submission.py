"""A Gradient on its way to the chain, and the next step for it. Pure.

The nonce of its transaction is chosen, and stored with the sealed bundle, before anything is sent. A retry after a
crash therefore sends the same transaction, and the chain takes at most one of two with the same nonce.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Submission:
    """A Gradient as the journal stores it.

    Attributes:
        campaign: id.
        version: Model version that it was computed from.
        bundle: content address of the sealed bundle, by which it is found on chain.
        commitment: to the bundle's content.
        sealed: the bundle, sealed to the Capsule; empty after publication.
        nonce: of the transaction.
        dataset: name of the dataset that it was computed from.
        release: key of the noisy statistics that it was computed from; None for exact statistics.
    """

    campaign: bytes
    version: int
    bundle: bytes
    commitment: bytes
    sealed: bytes
    nonce: int
    dataset: str
    release: bytes | None


class NextStep(Enum):
    """The next step for a submission."""

    PUBLISH = "publish"
    WAIT = "wait"
    SEND = "send"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class NonceCounts:
    """Transaction counts of the account, read before the submission is looked up.

    Attributes:
        confirmed: transactions in confirmed blocks.
        with_pending: transactions in all blocks, and pending ones.
    """

    confirmed: int
    with_pending: int


def next_step(submission: Submission, *, confirmed: bool, included: bool, counts: NonceCounts) -> NextStep:
    """Decides the next step for a submission whose blob is not published.

    Args:
        submission: as stored.
        confirmed: whether the bundle is in a confirmed block.
        included: whether the bundle is in any block.
        counts: of the account's transactions.
    """
    if confirmed:
        return NextStep.PUBLISH
    if included:
        return NextStep.WAIT
    if counts.confirmed > submission.nonce:
        return NextStep.DROP  # another transaction took the nonce, or this one reverted
    return NextStep.SEND if counts.with_pending == submission.nonce else NextStep.WAIT
