"""One history on the contracts, on the reference and on the ledger of events: all three equal after each step."""

from __future__ import annotations

from collections import defaultdict
from random import Random

from sonar_core.protocol.ledger import Ledger
from tests.reference import views
from tests.reference.calls import PAYEES, Calls
from tests.reference.campaign import Account
from tests.reference.histories import Histories
from tests.reference.message import Call
from tests.reference.node import Node, told
from tests.reference.protocol import Protocol
from tests.reference.purse import COIN, Purse
from tests.world.contracts import Stage

#: Functions that move scoring fees; all others move a Campaign's own currency.
_SCORING = {"submitGradient", "collectScoringFees", "reclaimScoringFees", "reclaimVoidedScoringFees"}
#: So often every Campaign is read from the contract; at each step those that moved or whose status changed.
_EVERYTHING = 25
#: Longer than all windows of a Campaign here, in seconds; and more rounds of pulls than one ever needed.
_LONG, _MOST_PULLS = 20_000, 60


class ThreeWays:
    """`parties`: addresses by role. `token`: an ERC-20 that they hold, with what they allow Sonar in `allowances`."""

    def __init__(
        self,
        stage: Stage,
        inquirer: str,
        token: str,
        parties: dict[str, str],
        allowances: dict[tuple[str, str], int],
        random: Random,
    ) -> None:
        self._stage, self._token, self._sonar = stage, token, str(stage.sonar.address)
        self._node = Node(stage, inquirer)
        self._chain = views.ChainViews(self._node)
        self._holders = [self._sonar, *parties.values(), *PAYEES]
        self._held = self._holdings()
        purse = Purse(self._sonar, self._held, allowances)
        self.protocol = Protocol(stage.chain.chain_id, self._sonar, purse)
        ordinary = stage.terms(
            open_within=600, scoring_window=600, per_gradient=30, unavailability_window=200, delivery_window=600
        )
        self._calls = Calls(random, self.protocol, parties, ordinary, token)
        self.history = Histories(random, self.protocol, self._calls)
        self._ledger = Ledger()
        self._money: dict[bytes, Account] = defaultdict(Account)
        self._fees: dict[bytes, Account] = defaultdict(Account)
        self._statuses: dict[bytes, object] = {}
        self.steps = 0
        self._accepted(self._calls.announcement(easy=True))

    def step(self) -> None:
        """Time may pass; then one call, judged at the newest block's time and at the next one's."""
        moment = self.history.jump(self._node.now)
        if moment > self._node.now:
            self._wait(moment)
            self._compare()
        call, now = self.history.call(self._node.now), self._node.now
        verdicts = [self.protocol.judge(call, now), self.protocol.judge(call, now + 1)]
        if any(verdicts):
            self._tried(call, verdicts if verdicts[0] != verdicts[1] else verdicts[:1])
        else:
            self._made(call)

    def settle(self) -> None:
        """Everything runs out, everybody takes what is theirs, and nothing is left."""
        for _ in range(_MOST_PULLS):
            calls = self.history.settling(self._node.now)
            if not self.history.live_campaigns():
                break
            self._wait(self._node.now + (0 if calls else _LONG))
            for call in calls:
                self._made(call)
        left = {key: amount for key, amount in self._held.items() if key[0] == self._sonar and amount}
        assert not left, f"Sonar is left with {left}"

    def _made(self, call: Call) -> None:
        moved = self._accepted(call)
        self._compare_holdings(call, moved)
        self._compare(moved)

    def _tried(self, call: Call, verdicts: list[str]) -> None:
        """A call that is refused, or would be a second later: then it is tried on both sides of that instant."""
        for second, expected in enumerate(verdicts):
            self._wait(self._node.now + second)
            answer = self._node.refusal(call)
            assert answer == expected, f"at {self._node.now} {call} met {answer!r} instead of {expected!r}"
            self.history.refused.update([expected] if expected else [])
        self._compare()

    def _wait(self, moment: int) -> None:
        self._stage.until(moment)
        self._node.now = max(self._node.now, moment)

    def _accepted(self, call: Call) -> bytes | None:
        """Plays a call for good; the Campaign that it moved."""
        mined = self._node.send(call)
        events = self.protocol.play(call, mined.now)
        self.protocol.purse.burn(call.sender, mined.gas)
        self.history.done(call)
        said = tuple(told(event) for event in mined.events)
        assert said == events, f"{call} said {said}, not {events}"
        self._ledger.apply_all(mined.events)
        return None if call.function == "announce" else events[0][1]

    # ------------------------------------------------------------------ comparing

    def _compare(self, moved: bytes | None = None) -> None:
        """The Campaign that moved, and those whose status time changed; now and then all."""
        self.steps += 1
        for key, campaign in self.protocol.campaigns.items():
            status, now = campaign.status(self._node.now), self._node.now
            if key == moved or self._statuses.get(key) is not status or self.steps % _EVERYTHING == 0:
                self._statuses[key] = status
                state, reference = self._ledger.campaigns[key], views.of_reference(campaign, now)
                reference.need_same("the ledger", views.of_ledger(state, now))
                reference.need_same("the contract", self._chain.of(state, self._money[key], self._fees[key]))

    def _compare_holdings(self, call: Call, moved: bytes | None) -> None:
        """Every balance. What Sonar's changed by is what the moved Campaign was given, or gave."""
        former, self._held = self._held, self._holdings()
        wrong = {key: (held, self.protocol.purse.held[key]) for key, held in self._held.items()}
        wrong = {key: amounts for key, amounts in wrong.items() if amounts[0] != amounts[1]}
        assert not wrong, f"after {call} these balances (chain's, reference's) differ: {wrong}"
        if moved is not None:
            change = sum(self._held[self._sonar, each] - former[self._sonar, each] for each in (COIN, self._token))
            accounts = self._fees if call.function in _SCORING else self._money
            given, gave = max(change, 0), max(-change, 0)
            accounts[moved] = Account(accounts[moved].escrowed + given, accounts[moved].paid + gave)

    def _holdings(self) -> dict[tuple[str, str], int]:
        coins, tokens = self._node.holdings(self._token, self._holders)
        return {
            **{(holder, COIN): coin for holder, coin in zip(self._holders, coins, strict=True)},
            **{(holder, self._token): amount for holder, amount in zip(self._holders, tokens, strict=True)},
        }
