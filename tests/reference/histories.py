"""What happens next: a call that goes through, one that is refused, or time up to an instant that matters."""

from __future__ import annotations

from collections import Counter
from random import Random

from sonar_core.protocol.structs import Status
from tests.reference.calls import Calls
from tests.reference.campaign import Campaign
from tests.reference.message import Call
from tests.reference.protocol import Protocol

#: Campaigns that run at the same time.
ALIVE = 4
#: How often one is begun while fewer run, how often a call is one to be refused, and how often time jumps before it.
BEGUN, REFUSED, JUMP = 0.25, 0.25, 0.07
#: Among how many instants to come the rarest kind is looked for.
NEAREST = 3
#: Among how many spoilt calls, and repeated ones, the rarest refusal is looked for.
SPOILT, REPEATED = 24, 4
#: How often each function is wanted beside others: what ends a Campaign rarely, so that histories get deep.
WANTED = {
    "create": 2,
    "announce": 0.4,
    "open": 4,
    "cancel": 0.4,
    "decline": 0.4,
    "stop": 0.3,
    "submitGradient": 20,
    "scoreGradient": 10,
    "rejectGradient": 1.5,
    "rebase": 1,
    "deliver": 1,
    "expire": 0.8,
    "convict": 0.2,
    "claim": 2,
    "reclaimScoringFees": 1.5,
    "reclaimVoidedScoringFees": 1,
    "compensate": 1.5,
    "refund": 1,
    "collectBond": 1,
    "collectScoringFees": 1,
}
#: What is left to do in the end.
SETTLING = (
    "expire",
    "claim",
    "reclaimScoringFees",
    "reclaimVoidedScoringFees",
    "compensate",
    "refund",
    "collectBond",
    "collectScoringFees",
)
#: What saves a Campaign whose window is about to be missed, and how much more it is wanted then.
_SAVING, _URGENT, _SECONDS_LEFT = {"open", "scoreGradient", "rejectGradient", "deliver"}, 40, 4


class Histories:
    """`accepted` by function and `refused` by error steer towards what was rare so far."""

    def __init__(self, random: Random, protocol: Protocol, calls: Calls) -> None:
        self._random, self._protocol, self._calls = random, protocol, calls
        self.accepted: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self._visited: Counter[str] = Counter()
        self._done: list[Call] = []

    def jump(self, now: int) -> int:
        """A later time, about an instant at which something begins or ends; `now` for no jump."""
        coming = {moment: kind for c in self.live_campaigns() for kind, moment in _instants(c) if moment > now + 2}
        if not coming or self._random.random() > JUMP:
            return now
        nearest = sorted(coming)[:NEAREST]
        moment = self._random.choices(nearest, [1 / (1 + self._visited[coming[each]]) for each in nearest])[0]
        self._visited[coming[moment]] += 1
        # A transaction's block comes a second later: what begins or ends is tried before, at and after its instant.
        return moment - self._random.choice([2, 1, 1, 0, 0])

    def call(self, now: int) -> Call:
        judged = [(call, self._protocol.judge(call, now)) for call in self._candidates(now)]
        welcome = [call for call, error in judged if not error]
        if not welcome or self._random.random() < REFUSED:
            judged += [(call, self._protocol.judge(call, now)) for call in self._wrong(welcome)]
            unwelcome = [(call, error) for call, error in judged if error]
            if unwelcome:
                rarity = [(1 + self.refused[error]) ** -3 for _, error in unwelcome]
                return self._random.choices(unwelcome, rarity)[0][0]
        beginnings = [call for call in welcome if call.function in ("create", "open")]
        begins = beginnings and self._random.random() < BEGUN
        return self._random.choice(beginnings) if begins else self._wanted(welcome, now)

    def settling(self, now: int) -> list[Call]:
        """Calls that go through and bring a Campaign to its end, or somebody their money, one for each Campaign."""
        drawn = [self._calls.fitting(function, c, now) for c in self.live_campaigns() for function in SETTLING]
        calls = [call for call in drawn if call is not None and not self._protocol.judge(call, now)]
        return list({call.arguments[0]: call for call in calls}.values())

    def live_campaigns(self) -> list[Campaign]:
        """Campaigns that hold somebody's money."""
        return [c for c in self._protocol.campaigns.values() if c.money.held or c.fees.held]

    def done(self, call: Call) -> None:
        """Notes a call that went through."""
        self.accepted[call.function] += 1
        self._done.append(call)

    def _wrong(self, welcome: list[Call]) -> list[Call]:
        """Welcome calls with one thing changed, each function alike, and calls that went through before."""
        by_function = {call.function: call for call in self._random.sample(welcome, len(welcome))}
        spoilt = [self._calls.spoilt(self._random.choice(list(by_function.values()))) for _ in range(SPOILT) if welcome]
        return spoilt + self._random.sample(self._done, min(REPEATED, len(self._done)))

    def _candidates(self, now: int) -> list[Call]:
        live = self.live_campaigns()
        drawn = [self._calls.fitting(function, c, now) for c in live for function in self._calls.functions]
        calls = [call for call in drawn if call is not None] + [self._calls.announcement()]
        running = [c for c in live if c.status(now) in (Status.REQUESTED, Status.OPEN, Status.CLOSING)]
        return calls + [self._calls.creation()] * (len(running) < ALIVE)

    def _wanted(self, welcome: list[Call], now: int) -> Call:
        """First the function, however many calls of it there are; then one of its calls."""
        urgency = dict.fromkeys(WANTED, 1)
        for call in welcome:
            urgency[call.function] = max(urgency[call.function], self._urgency(call, now))
        functions = sorted({call.function for call in welcome})
        function = self._random.choices(functions, [urgency[each] * self._rarity(each) for each in functions])[0]
        calls = [call for call in welcome if call.function == function]
        return self._random.choices(calls, [self._urgency(call, now) for call in calls])[0]

    def _rarity(self, function: str) -> float:
        often = WANTED[function]
        return (often / (often + self.accepted[function])) ** 2

    def _urgency(self, call: Call, now: int) -> int:
        c = self._protocol.campaigns.get(call.arguments[0]) if call.function in _SAVING else None
        return _URGENT if c and c.due - now <= _SECONDS_LEFT else 1


def _instants(c: Campaign) -> list[tuple[str, int]]:
    """When something of a Campaign begins or ends by time alone."""
    if c.settled_at or c.recorded in (Status.DECLINED, Status.CANCELLED):
        return [("claims", c.claims_open_at)]
    if c.recorded is Status.REQUESTED:
        return [("opening", c.due)]
    instants = [("end", c.ends_at), ("scoring" if c.awaits_score else "delivery", c.due)]
    if c.awaits_score:
        since = c.gradients[c.scored].record.submitted_at
        instants.append(("unavailable", since + c.terms.unavailability_window))
    return instants
