"""Draws calls: such as fit what the reference knows, and the same with one thing wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from itertools import count
from random import Random
from typing import Any

from eth_utils import is_address, keccak, to_checksum_address

from sonar_core.protocol.structs import (
    CampaignStart,
    CurrencyOffer,
    CurrencyTerms,
    GradientRecord,
    Next,
    Rejection,
    Score,
    Status,
    Terms,
)
from tests.reference.campaign import Campaign, Gradient
from tests.reference.message import Call
from tests.reference.protocol import Protocol
from tests.reference.purse import COIN
from tests.reference.rules import NOBODY, WAD
from tests.world.contracts import CAPSULE_TERMS, blob

#: Who is paid beside the parties themselves.
PAYEES = [to_checksum_address(keccak(text=f"payee {number}")[:20]) for number in range(2)]
#: Functions that take coin: to all others it cannot be sent.
_PAYABLE = {"create", "open", "submitGradient"}
_NOTHING = bytes(32)
#: Announced terms that no Campaign here meets.
_STRICT: list[dict[str, int]] = [
    {"scoring_fee": 10**15},
    {"open_within": 10**4},
    {"scoring_window": 10**4},
    {"per_gradient": 10**4},
    {"delivery_window": 10**4},
]


class Calls:
    """`parties`: addresses by role; `ordinary`: terms that every Campaign here starts from."""

    def __init__(
        self, random: Random, protocol: Protocol, parties: dict[str, str], ordinary: Terms, token: str
    ) -> None:
        self._random, self._protocol = random, protocol
        self._parties, self._ordinary, self._token = parties, ordinary, token
        self._count = count(1)
        self._draws: dict[str, Callable[[Campaign, int], Call | None]] = {
            "cancel": self._by_scientist("cancel"),
            "stop": self._by_scientist("stop"),
            "refund": self._by_scientist("refund", paid=True),
            "open": self._open,
            "decline": lambda c, now: self._call("decline", c.terms.capsule, c, "not mine"),
            "scoreGradient": self._score,
            "rejectGradient": self._reject,
            "rebase": lambda c, now: self._call(
                "rebase", c.terms.capsule, c, *self._blobs("model", "root", "evidence")
            ),
            "deliver": lambda c, now: self._call("deliver", c.terms.capsule, c, *self._blobs("delivery", "openings")),
            "collectBond": lambda c, now: self._call("collectBond", c.terms.capsule, c, self._payee()),
            "collectScoringFees": lambda c, now: self._call("collectScoringFees", c.terms.capsule, c, self._payee()),
            "submitGradient": self._submit,
            "claim": self._pulled(
                "claim", lambda c, g: g.scored, lambda c, g: not g.rewarded and c.reward(g.scored) > 0
            ),
            "reclaimScoringFees": self._pulled("reclaimScoringFees", _unscored, lambda c, g: not g.fee_back),
            "reclaimVoidedScoringFees": self._pulled(
                "reclaimVoidedScoringFees", lambda c, g: g.scored, lambda c, g: not g.fee_back
            ),
            "compensate": self._pulled(
                "compensate", lambda c, g: g.record.number, lambda c, g: g.fee_back and not g.compensated
            ),
            "expire": lambda c, now: self._call("expire", self._party(), c),
            "convict": self._convict,
        }

    @property
    def functions(self) -> list[str]:
        """Those that belong to one Campaign."""
        return list(self._draws)

    def fitting(self, function: str, c: Campaign, now: int) -> Call | None:
        """A call as its party would make it, whatever the Campaign's status; None where there is nothing to name."""
        return self._draws[function](c, now)

    def creation(self) -> Call:
        pick, between = self._random.choice, self._random.randrange
        terms = replace(
            self._ordinary,
            currency=pick([COIN, self._token]),
            arbiter=pick([self._parties["arbiter"]] * 3 + [NOBODY]),
            bounty=between(200, 10**6),
            capsule_fee=pick([0, between(50)]),
            capsule_bond=pick([0, 100, 10**4, 10**6, 10**6]),
            compensation=pick([0, 7, 10**5]),
            starting_accuracy=pick([0, between(10**17)]),
            target_accuracy=pick([3 * 10**17, 10**18 // 3, 8 * 10**17, WAD]),
            duration=pick([900, 1800]),
            notice_period=pick([0, 60, 300]),
            audit_window=pick([0, 300, 900]),
            parent=self._parent(),
        )
        value = terms.bounty + terms.capsule_fee if terms.currency == COIN else 0
        return Call("create", self._parties["scientist"], (next(self._count), terms), value)

    def announcement(self, *, easy: bool = False) -> Call:
        """Terms that every Campaign here meets, or such with one that many do not."""
        pick, terms = self._random.choice, CAPSULE_TERMS
        currencies, offered = [COIN, self._token], CurrencyTerms(True, 0, 10**30)
        if not easy:
            terms = replace(terms, **pick([{}] * 12 + _STRICT))
            currencies = self._random.sample(currencies, pick([0, 1, 2]))
            offered = CurrencyTerms(pick([True] * 19 + [False]), pick([0] * 9 + [20]), pick([10**30] * 9 + [10**4]))
        offers = [CurrencyOffer(currency, offered) for currency in currencies]
        return Call("announce", self._parties["capsule"], (blob(f"certificates {next(self._count)}"), terms, offers))

    def spoilt(self, call: Call) -> Call:
        """The call with another sender, another value, or one argument changed."""
        places = ["sender", *["argument"] * 4, *["value"] * (call.function in _PAYABLE)]
        match self._random.choice(places):
            case "sender":
                return replace(call, sender=self._party())
            case "value":
                return replace(call, value=max(call.value + self._random.choice([-1, 1]), 0))
        arguments = list(call.arguments)
        place = self._random.randrange(len(arguments))
        arguments[place] = self._changed(arguments[place])
        return replace(call, arguments=tuple(arguments))

    # ------------------------------------------------------------------ one function each

    def _call(self, function: str, sender: str, c: Campaign, *arguments: Any, value: int = 0) -> Call:
        return Call(function, sender, (c.id, *arguments), value)

    def _by_scientist(self, function: str, *, paid: bool = False) -> Callable[[Campaign, int], Call]:
        return lambda c, now: self._call(function, c.scientist, c, *([self._payee()] if paid else []))

    def _open(self, c: Campaign, now: int) -> Call:
        accuracy = self._random.choice([0, 0, c.terms.starting_accuracy, c.terms.target_accuracy // 3, 10**17 + 1])
        start = CampaignStart(*self._blobs("key", "key root", "model", "model root"), accuracy)
        return self._call("open", c.terms.capsule, c, start, value=c.terms.capsule_bond * (c.terms.currency == COIN))

    def _submit(self, c: Campaign, now: int) -> Call:
        miner = self._parties[self._random.choice(["miner", "second_miner"])]
        version = self._random.randrange(c.version + 1)
        content = self._blobs("bundle", "commitment")
        return self._call("submitGradient", miner, c, *content, version, value=c.terms.scoring_fee)

    def _score(self, c: Campaign, now: int) -> Call | None:
        if not c.gradients:
            return None
        missing, least = c.terms.target_accuracy - c.accuracy, c.terms.min_improvement
        small = [-1, 0, least - 1, least, least + 1, 3 * least, 10**16 + 7, 7 * 10**16 + 3]
        # The last step counts below the smallest rise too: it is tried wherever that is all that is missing.
        last = [missing, missing + 10**16] * (len(small) if missing < least else 1)
        rise = self._random.choice([*small, *small, missing - least + 1, missing - 1, *last])
        accuracy = min(max(c.accuracy + rise, 0), WAD)
        improved = accuracy >= c.accuracy + min(least, missing)
        model, root, opened, evidence = self._blobs("model", "root", "opened", "evidence")
        score = Score(accuracy, self._random.randrange(1, 5), model if improved else _NOTHING, root, opened, evidence)
        return self._call("scoreGradient", c.terms.capsule, c, _oldest(c), score, _following(c))

    def _reject(self, c: Campaign, now: int) -> Call | None:
        if not c.gradients:
            return None
        opened = self._random.choice([_NOTHING, *self._blobs("opened")])
        arguments = (_oldest(c), self._random.choice(list(Rejection)), opened, *self._blobs("evidence"), _following(c))
        return self._call("rejectGradient", c.terms.capsule, c, *arguments)

    def _convict(self, c: Campaign, now: int) -> Call | None:
        scored = [gradient for gradient in c.gradients if gradient.scored]
        if not scored:
            return None
        gradient = self._random.choice(scored)
        # Nobody can send as the zero address, which stands for no arbiter.
        arbiter = self._parties["arbiter"] if c.terms.arbiter == NOBODY else c.terms.arbiter
        return self._call("convict", arbiter, c, gradient.record.miner, gradient.scored)

    def _pulled(
        self,
        function: str,
        preimage: Callable[[Campaign, Gradient], Any],
        due: Callable[[Campaign, Gradient], bool],
    ) -> Callable[[Campaign, int], Call | None]:
        """A Miner's pull of one to three Gradients, mostly of those for which something is due."""

        def draw(c: Campaign, now: int) -> Call | None:
            there = [g for g in c.gradients if preimage(c, g) is not None]
            half = [g for g in there if (g.record.number < c.valid_below) == (function == "claim") and due(c, g)]
            gradients = half if half and self._random.random() < 0.9 else there
            if not gradients:
                return None
            miner = self._random.choice(gradients).record.miner
            own = [g for g in gradients if g.record.miner == miner]
            chosen = self._random.sample(own, min(len(own), self._random.randrange(1, 4)))
            return self._call(function, miner, c, [preimage(c, g) for g in chosen], self._payee())

        return draw

    # ------------------------------------------------------------------ pieces

    def _blobs(self, *names: str) -> list[bytes]:
        return [blob(f"{name} {next(self._count)}") for name in names]

    def _party(self) -> str:
        return self._random.choice(list(self._parties.values()))

    def _payee(self) -> str:
        return self._random.choice([*PAYEES, *self._parties.values()])

    def _parent(self) -> bytes:
        delivered = [c.id for c in self._protocol.campaigns.values() if c.recorded is Status.DELIVERED]
        return self._random.choice([_NOTHING, *delivered[-2:]])

    def _changed(self, value: Any) -> Any:
        """Another value of the same type."""
        pick = self._random.choice
        if isinstance(value, Enum):
            return pick([other for other in type(value) if other is not value])
        if isinstance(value, bool):
            return not value
        if isinstance(value, int):
            return pick([0, value + 1, max(value - 1, 0), 2 * value + 1])
        if isinstance(value, bytes):
            return pick([_NOTHING, _NOTHING, keccak(value), *self._protocol.campaigns])
        if is_dataclass(value):
            name = pick([field.name for field in fields(value)])
            return replace(value, **{name: self._changed(getattr(value, name))})
        if isinstance(value, list):
            return [*value, pick(value)] if value and pick([True, False]) else [self._changed(each) for each in value]
        if is_address(value):
            return pick([NOBODY, self._party()])
        return value * 40


def _oldest(c: Campaign) -> GradientRecord:
    """The Gradient whose turn it is; the last one where all are scored."""
    return c.gradients[min(c.scored, len(c.gradients) - 1)].record


def _following(c: Campaign) -> Next:
    return c.gradients[c.scored + 1].record.as_next() if c.unscored > 1 else Next.none()


def _unscored(c: Campaign, gradient: Gradient) -> Any:
    return None if gradient.scored else gradient.record
