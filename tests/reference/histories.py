"""Random moves: every function, by right and wrong parties, at right and wrong times, with good and bad arguments."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import count
from random import Random
from typing import Any

from eth_utils import keccak, to_checksum_address

from ape_sonar.terms import Rejection, Status, Terms
from tests.reference.protocol import COIN, NOBODY, Protocol

ALIVE = 3
CANDIDATES = 30
#: How often a move that would go through is preferred to one drawn blindly.
WELCOME = 0.72

FUNCTIONS = ["create", "cancel", "stop", "refund", "open", "decline", "score_gradient", "reject_gradient", "rebase", "deliver", "collect_bond", "collect_scoring_fees", "submit_gradient", "claim", "reclaim_fees", "reclaim_voided_fees", "compensate", "expire", "convict"]
#: What ends a Campaign is drawn rarely, so that there is something to end; the rest evens out by itself.
SELDOM = {"cancel": 6, "decline": 6, "convict": 6, "stop": 4}

_PARTY = {
    **dict.fromkeys(("create", "cancel", "stop", "refund"), "scientist"),
    **dict.fromkeys(("open", "decline", "score_gradient", "reject_gradient", "rebase", "deliver"), "capsule"),
    **dict.fromkeys(("collect_bond", "collect_scoring_fees"), "capsule"),
    "convict": "arbiter",
}
#: Receivers that send nothing themselves, so that no gas blurs what they were paid.
PAYEES = [to_checksum_address(keccak(text=f"payee {number}")[:20]) for number in range(3)]

_SPOILT: tuple[dict[str, Any], ...] = (
    {"capsule": NOBODY},
    {"capsule": PAYEES[0]},
    {"spec": bytes(32)},
    {"bounty": 0},
    {"target_accuracy": 0},
    {"target_accuracy": 10**18 + 1},
    {"starting_accuracy": 10**18},
    {"min_improvement": 0},
    {"min_improvement": 10**18},
    {"min_improvement": 1},
    {"duration": 0},
    {"unavailability_window": 10**6},
    {"currency": PAYEES[0]},
    {"parent": b"\x01" * 32},
)


@dataclass(frozen=True)
class Move:
    function: str
    role: str
    campaign: bytes
    arguments: dict[str, Any]


class Histories:
    """Draws moves; the reference tells which would go through, so that a history gets somewhere."""

    def __init__(self, random: Random, reference: Protocol, roles: dict[str, str], terms: Terms, token: str, id_of):
        self.random, self.reference, self.roles = random, reference, roles
        self.ordinary, self.token, self.id_of = terms, token, id_of
        self.nonces, self.done = count(1), Counter()
        self.last: Move | None = None

    def move(self, now: int) -> Move:
        running = [c for c in self.reference.campaigns.values() if not self._is_over(c, now)]
        if len(running) < ALIVE and self.random.random() < 0.5:
            return self._draw("create")
        if self.last and self.random.random() < 0.08:
            return self.last
        candidates = [self._draw(self.random.choice(FUNCTIONS)) for _ in range(CANDIDATES)]
        welcome = [move for move in candidates if not self.verdict(move, now)]
        if not welcome or self.random.random() > WELCOME:
            return candidates[0]
        weights = [1 / (SELDOM.get(m.function, 1) * (1 + self.done[m.function])) for m in welcome]
        self.last = self.random.choices(welcome, weights)[0]
        return self.last

    def verdict(self, move: Move, now: int) -> str:
        return self.reference.judge(move.function, now, self.roles[move.role], move.campaign, **move.arguments)

    def moment(self, now: int) -> int:
        """A later time: some while, or about a moment at which something ends."""
        moments = [now + self.random.randrange(1, 900)]
        for c in self.reference.campaigns.values():
            moments += [c.ends_at, c.due(), c.claims_open_at]
        later = [moment for moment in moments if moment > now + 3]
        # The next block is a second after this one: what ends is tried just before, at and after its end.
        return self.random.choice(sorted(later)[:5] or [now + 60]) - self.random.randrange(3)

    @staticmethod
    def _is_over(c, now: int) -> bool:
        return c.settled_at > 0 or c.status(now) in (Status.DECLINED, Status.CANCELLED)

    def _draw(self, function: str) -> Move:
        if function == "create":
            return self._creation()
        ids = list(self.reference.campaigns)
        campaign = self.random.choice(ids[-9:]) if ids and self.random.random() > 0.02 else b"\x07" * 32
        return Move(function, self._sender(function, campaign), campaign, self._arguments(function, campaign))

    def _sender(self, function: str, campaign: bytes) -> str:
        party = _PARTY.get(function, self.random.choice(["miner", "second_miner"]))
        return self.random.choice(list(self.roles)) if self.random.random() < 0.08 else party

    def _creation(self) -> Move:
        pick = self.random.choice
        terms = replace(
            self.ordinary,
            currency=pick([COIN, self.token]),
            arbiter=pick([self.roles["arbiter"]] * 3 + [NOBODY]),
            bounty=self.random.randrange(200, 10**6),
            capsule_fee=pick([0, self.random.randrange(50)]),
            capsule_bond=pick([0, 100, 10**4, 10**6]),
            compensation=pick([0, 7, 10**5]),
            target_accuracy=pick([3, 5, 8, 10]) * 10**17,
            duration=pick([1200, 2400]),
            audit_window=pick([0, 900, 3600]),
            parent=self._parent(),
        )
        if self.random.random() < 0.15:
            terms = replace(terms, **pick(_SPOILT))
        nonce = next(self.nonces)
        return Move("create", "scientist", self.id_of(nonce, terms), {"terms": terms, "nonce": nonce})

    def _parent(self) -> bytes:
        delivered = [key for key, c in self.reference.campaigns.items() if c.recorded is Status.DELIVERED]
        return self.random.choice([bytes(32), self.random.choice(delivered)]) if delivered else bytes(32)

    def _arguments(self, function: str, campaign: bytes) -> dict[str, Any]:
        pick, c = self.random.choice, self.reference.campaigns.get(campaign)
        seldom = self.random.random() < 0.06
        to = NOBODY if seldom else pick(PAYEES)
        content = self.random.random() > 0.05
        number = (c.scored if c else 0) + pick([0] * 12 + [1, -1])
        oldest = {"number": max(number, 0), "forged": seldom, "next_forged": self.random.random() < 0.05}
        match function:
            case "open":
                bond = c.terms.capsule_bond if c and c.terms.currency == COIN else 0
                accuracy = pick([0, 0, 10**17, 25 * 10**16 + 1, 10**18 if seldom else 0])
                return {"accuracy": accuracy, "value": bond + seldom, "content": content}
            case "decline":
                return {"reason": "no " * (100 if seldom else 1)}
            case "score_gradient":
                return self._score(c, oldest, content)
            case "reject_gradient":
                return oldest | {"reason": pick(list(Rejection))}
            case "rebase" | "deliver":
                return {"content": content}
            case "submit_gradient":
                fee = (c.terms.scoring_fee if c else 0) + seldom
                return {"version": pick([0] * 9 + [1]), "fee": fee, "content": content}
            case "refund" | "collect_bond" | "collect_scoring_fees":
                return {"to": to}
            case "compensate":
                return {"numbers": self._numbers(c), "to": to}
            case "claim" | "reclaim_fees" | "reclaim_voided_fees":
                return {"numbers": self._numbers(c), "forged": seldom, "to": to}
            case "convict":
                return {"number": pick(range(len(c.gradients) + 1)) if c else 0, "forged": seldom}
        return {}

    def _score(self, c, oldest: dict[str, Any], content: bool) -> dict[str, Any]:
        head = c.accuracy if c else 0
        rise = self.random.choice([-1, 0, 1, 5 * 10**15 - 1, 5 * 10**15, 10**16, 7 * 10**16 + 3, 3 * 10**17])
        accuracy = max(head + rise, 0)
        enough = c is not None and rise >= min(c.terms.min_improvement, c.terms.target_accuracy - head)
        model = enough if self.random.random() > 0.06 else not enough
        return oldest | {"accuracy": accuracy, "model": model, "content": content}

    def _numbers(self, c) -> list[int]:
        """One or several Gradients; now and then one of them twice, or one that is not there."""
        there = range(len(c.gradients) + 1) if c else range(1)
        return [self.random.choice(there) for _ in range(self.random.choice([1, 1, 1, 2, 3]))]
