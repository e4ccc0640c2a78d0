"""What `make load` reckons from a run's events, by hand."""

from __future__ import annotations

import pytest

from scripts._load.figures import Spread, figures, table
from scripts._load.size import SCIENTISTS, Size
from sonar_core.protocol import events as ev
from sonar_core.protocol.events import Event, LogPosition
from sonar_core.protocol.structs import CampaignStart, Rejection, Score

ROOT, MINER = bytes(32), "0x" + "a" * 40
ONE, OTHER = b"1" * 32, b"2" * 32
SEEN = {block: 10.0 * block for block in range(20)}


def at(block: int) -> LogPosition:
    return LogPosition(block, ROOT, 0, ROOT, 0)


def opened(block: int, campaign: bytes) -> Event:
    return ev.CampaignOpened(at(block), campaign, CampaignStart(ROOT, ROOT, ROOT, ROOT, 0), ROOT, 10**6)


def submitted(block: int, campaign: bytes, number: int) -> Event:
    return ev.GradientSubmitted(at(block), campaign, number, MINER, ROOT, ROOT, 0, 0, 100)


def scored(block: int, campaign: bytes, number: int, before: int, after: int) -> Event:
    score = Score(after, 4, ROOT, ROOT, ROOT, ROOT)
    return ev.GradientScored(at(block), campaign, number, MINER, before, after, 1, 200, score)


def test_a_gradients_time_is_its_queue_and_its_turn() -> None:
    found = figures(
        [
            opened(1, ONE),
            opened(2, OTHER),
            submitted(3, ONE, 0),
            submitted(4, ONE, 1),
            submitted(5, OTHER, 0),
            scored(6, ONE, 0, 0, 5),
            ev.GradientRejected(at(9), OTHER, 0, MINER, 0, 200, Rejection.MALFORMED, ROOT, ROOT),
            scored(10, ONE, 1, 5, 5),
        ],
        SEEN,
    )
    assert (found.submitted, found.scored, found.rejected, found.improved) == (3, 3, 1, 1)
    assert found.seconds == 70
    assert found.a_minute == pytest.approx(60 * 3 / 70)
    assert found.to_submission == Spread(30, 30), "20, 30 and 30"
    assert found.to_score == Spread(40, 60), "30, 60 and 40"
    assert found.queue == Spread(0, 20), "0, 20 and 0: the second of its Campaign waited for the first"
    assert found.weighing == Spread(40, 40), "30, 40 and 40"
    page = table(Size(2, 5, 1, 1), found, {"the Capsule": 7})
    assert "| submitted to scored | 40.0 s | 60.0 s |" in page
    assert "| memory of the Capsule | 7 MiB |  |" in page


def test_a_median_is_no_more_than_half_and_a_percentile_is_one_of_them() -> None:
    assert Spread.of(range(1, 101)) == Spread(50, 99)
    assert Spread.of(range(1, 1001)) == Spread(500, 990)
    assert Spread.of([7]) == Spread(7, 7)


@pytest.mark.parametrize(("campaigns", "mines", "share"), [(100, 50, 2), (7, 5, 1), (5, 10, 5), (3, 15, 4)])
def test_every_campaign_has_as_many_mines(campaigns: int, mines: int, share: int) -> None:
    size = Size(campaigns, mines, share, 0)
    served = [
        sum(size.scientist_of(one) in size.scientists_of(mine) for mine in range(mines)) for one in range(campaigns)
    ]
    assert set(served) == {mines * share // SCIENTISTS}
    assert sum(served) == size.gradients


@pytest.mark.parametrize("wrong", [(0, 5, 1), (1, 4, 1), (1, 7, 1), (1, 5, 0), (1, 5, 6)])
def test_other_sizes_are_refused(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"a run has|a Mine works"):
        Size(*wrong, 0)
