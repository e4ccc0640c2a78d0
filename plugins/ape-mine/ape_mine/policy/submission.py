"""A Gradient on its way to the chain, and what to do next about it. Pure.

The nonce of its transaction is fixed, and written down with the sealed bundle, before anything is sent. Whoever sends
it again after a crash therefore sends the same transaction: of two with one nonce, a chain takes one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Submission:
    """What the journal keeps of a Gradient.

    Attributes:
        campaign: id.
        version: of the Model that it was computed from.
        bundle: content address of the sealed bundle: how it is found on chain again.
        commitment: to the bundle.
        sealed: the sealed bundle, for nobody's eyes but the Capsule's; empty once it is published.
        nonce: of the transaction.
        dataset: name of the dataset that it came from.
        release: key of the noisy statistics that it came from; None for exact ones.
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
    """What is to be done about a submission."""

    PUBLISH = "publish"
    WAIT = "wait"
    SEND = "send"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class NonceCounts:
    """Transactions of the account, counted before looking for the submission.

    Attributes:
        confirmed: in blocks that have their confirmations.
        with_waiting: in any block, and with those that wait for one.
    """

    confirmed: int
    with_waiting: int


def what_next(submission: Submission, *, confirmed: bool, included: bool, counts: NonceCounts) -> NextStep:
    """What to do about a submission whose blob is not published.

    Args:
        submission: as it was written down.
        confirmed: whether its bundle stands on chain with its confirmations.
        included: whether it stands in any block.
        counts: of the account's transactions.
    """
    if confirmed:
        return NextStep.PUBLISH
    if included:
        return NextStep.WAIT
    if counts.confirmed > submission.nonce:
        return NextStep.DROP  # the nonce went to another transaction, or to this one, which was refused
    return NextStep.SEND if counts.with_waiting == submission.nonce else NextStep.WAIT
