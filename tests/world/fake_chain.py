"""A chain of blocks in memory that a test grows and reorganises, and a story with every event in it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from sonar_core.protocol import events as ev
from sonar_core.protocol.events import Event, LogPosition
from sonar_core.protocol.structs import (
    CampaignStart,
    CapsuleTerms,
    CurrencyOffer,
    CurrencyTerms,
    Rejection,
    Score,
    Terms,
)

ALICE, BOB = "0x" + "aa" * 20, "0x" + "bb" * 20
ROOT = bytes(range(32))
TERMS = Terms(BOB, ALICE, ALICE, 2**127, 1, 2, 3, 4, 5, 10**18, 7, *range(8, 16), 1, ROOT, ROOT, ROOT, bytes(32))
OFFERS = (CurrencyOffer(ALICE, CurrencyTerms(True, 2**90, 2**120)), CurrencyOffer(BOB, CurrencyTerms(False, 0, 0)))


@dataclass
class FakeChain:
    """Blocks as lists of events without places; a reorganisation replaces the last ones."""

    chain_id: int = 7
    blocks: list[tuple[bytes, list[Any]]] = field(default_factory=lambda: [(b"genesis", [])])

    def newest_block(self) -> int:
        return len(self.blocks) - 1

    def block_hash(self, number: int) -> bytes:
        parents = b"|".join(salt for salt, _ in self.blocks[: number + 1])
        return hashlib.sha256(parents).digest()

    def events(self, start: int, stop: int) -> list[Event]:
        return [
            make(LogPosition(number, self.block_hash(number), index, bytes(32), 1000 + number))
            for number in range(start, min(stop, len(self.blocks)))
            for index, make in enumerate(self.blocks[number][1])
        ]


def one_campaign(campaign: bytes) -> list[Any]:
    """A story that has every event of a Campaign in it, and some that no Campaign has together."""
    score = Score(10**17, 3, ROOT, ROOT, ROOT, ROOT)
    return [
        lambda position: ev.CapsuleAnnounced(position, BOB, ROOT, CapsuleTerms(1, 2, 3, 4, 5, 6), OFFERS),
        lambda position: ev.CampaignCreated(position, campaign, ALICE, BOB, 2**255, TERMS),
        lambda position: ev.CampaignOpened(
            position, campaign, CampaignStart(ROOT, ROOT, ROOT, ROOT, 10), ROOT, 2**40 - 1
        ),
        lambda position: ev.GradientSubmitted(position, campaign, 0, ALICE, ROOT, ROOT, 0, 5, 9),
        lambda position: ev.GradientSubmitted(position, campaign, 1, BOB, ROOT, ROOT, 0, 5, 9),
        lambda position: ev.GradientScored(position, campaign, 0, ALICE, 10, 10**17, 1, 9, score),
        lambda position: ev.GradientRejected(position, campaign, 1, BOB, 10**17, 9, Rejection.UNAVAILABLE, ROOT, ROOT),
        lambda position: ev.ModelRebased(position, campaign, 2, ROOT, ROOT, ROOT),
        lambda position: ev.TargetReached(position, campaign, 10**17, 0),
        lambda position: ev.CampaignStopped(position, campaign, 77),
        lambda position: ev.CampaignDelivered(position, campaign, ROOT, ROOT),
        lambda position: ev.Claimed(position, campaign, 0, ALICE, BOB, 2**100),
        lambda position: ev.ScoringFeeReclaimed(position, campaign, 1, BOB, BOB, 4),
        lambda position: ev.Compensated(position, campaign, 1, BOB, BOB, 4),
        lambda position: ev.BondCollected(position, campaign, BOB, BOB, 3),
        lambda position: ev.ScoringFeesCollected(position, campaign, BOB, BOB, 3),
        lambda position: ev.Refunded(position, campaign, ALICE, ALICE, 3),
        lambda position: ev.CampaignDeclined(position, campaign, "a reason, \u00fc \u0000 and '"),
        lambda position: ev.CampaignCancelled(position, campaign),
        lambda position: ev.CampaignExpired(position, campaign, 3),
        lambda position: ev.CapsuleConvicted(position, campaign, 0, 9),
    ]


STORY = one_campaign(b"c" * 32)
