"""What to do about a submission: the table, and that no path sends where the first transaction could still be taken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ape_mine.policy.submission import NextStep, NonceCounts, Submission, next_step

SUBMISSION = Submission(b"c" * 32, 0, b"b" * 32, b"k" * 32, b"sealed", 7, "ward-7", None)


@pytest.mark.parametrize(
    ("confirmed", "included", "counts", "expected"),
    [
        (True, True, (8, 8), NextStep.PUBLISH),
        (True, True, (9, 11), NextStep.PUBLISH),
        (False, True, (7, 8), NextStep.WAIT),
        (False, False, (7, 7), NextStep.SEND),
        (False, False, (5, 7), NextStep.SEND),
        (False, False, (7, 8), NextStep.WAIT),
        (False, False, (6, 9), NextStep.WAIT),
        (False, False, (5, 6), NextStep.WAIT),
        (False, False, (8, 8), NextStep.DROP),
        (False, False, (9, 12), NextStep.DROP),
    ],
)
def test_the_next_thing(confirmed: bool, included: bool, counts: tuple[int, int], expected: NextStep) -> None:
    assert next_step(SUBMISSION, confirmed=confirmed, included=included, counts=NonceCounts(*counts)) is expected


@given(st.booleans(), st.booleans(), st.integers(0, 12), st.integers(0, 3))
def test_it_is_sent_only_as_the_accounts_very_next_transaction(
    confirmed: bool, included: bool, in_blocks: int, waiting: int
) -> None:
    counts = NonceCounts(in_blocks, in_blocks + waiting)
    decided = next_step(SUBMISSION, confirmed=confirmed, included=included, counts=counts)
    if decided is NextStep.SEND:
        assert not confirmed
        assert not included
        assert counts.with_pending == SUBMISSION.nonce
    if decided is NextStep.DROP:
        assert not confirmed
        assert not included
        assert counts.confirmed > SUBMISSION.nonce
    assert (decided is NextStep.PUBLISH) == confirmed
