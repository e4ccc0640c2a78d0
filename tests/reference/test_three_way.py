"""The contracts, a reference of the protocol in exact fractions, and the state rebuilt from events: equal after each step."""

from collections import Counter
from random import Random

import pytest

from ape_sonar.ledger import Ledger
from tests.reference.histories import PAYEES, Histories
from tests.reference.player import Player, expected_digest, kept_by_ledger, ledger_view, reference_view
from tests.reference.protocol import COIN, Protocol
from tests.stage import COIN as COIN_ADDRESS

SEEDS, STEPS = (1,), 240
#: Least number of functions that go through, of refusals, and of different errors. Not every function is reached yet: claims,
#: compensation, bond collection and convictions are compared with the ledger in tests/contracts/test_histories.py.
LEAST_FUNCTIONS, LEAST_REFUSED, LEAST_ERRORS = 12, 40, 12
#: So often all Campaigns are compared; between, the one that was moved.
EVERYTHING = 20


class ThreeWay:
    def __init__(self, stage, token, accounts, seed):
        self.stage, self.token = stage, str(token.address)
        roles = {role: str(account.address) for role, account in accounts.items()}
        self.roles, self.random = roles, Random(seed)
        self.player = Player(stage, accounts)
        self.reference = Protocol({roles["capsule"]: (COIN, self.token)})
        ordinary = stage.terms(scoring_window=900, per_gradient=60, unavailability_window=300, delivery_window=1200)
        self.histories = Histories(self.random, self.reference, roles, ordinary, self.token, self._id_of)
        self.ledger, self.read = Ledger(), stage.start
        self.accepted, self.refused = Counter(), Counter()

    def _id_of(self, nonce, terms):
        return self.player.look.id_of(self.roles["scientist"], nonce, terms)

    def step(self):
        """One move, judged by the reference when it is simulated and again at its block's time."""
        if self.random.random() < 0.25:
            self.stage.until(self.histories.moment(self.stage.now()))
        before = self.stage.now()
        move = self.histories.move(before)
        expected = self.histories.verdict(move, before)
        answer = self.player.play(move, self.ledger)
        after = self.stage.now()
        if after > before and not expected:
            # It was mined: what counts is its block's time.
            expected = self.histories.verdict(move, after)
        assert answer == expected, (move, before, after)
        if answer:
            self.refused[answer] += 1
        else:
            sender = self.roles[move.role]
            self.reference.play(move.function, after, sender, move.campaign, **move.arguments)
            self.accepted[move.function] += 1
            self.histories.done[move.function] += 1
        self._catch_up()
        return move.campaign

    def compare(self, campaign):
        now, c = self.stage.now(), self.reference.campaigns[campaign]
        state, chain = self.ledger.campaigns[campaign], self.player.chain_view(campaign)
        digests = chain.pop("digests")
        start = chain.pop("start")
        assert c.start in (start, 0) and (start == c.start or not chain["scored"])
        assert chain == reference_view(c, now) == ledger_view(state, now)
        for number, digest in enumerate(digests):
            kept, gradient = c.gradients[number].kept, state.gradients[number]
            assert kept is kept_by_ledger(state, gradient)
            assert digest == expected_digest(kept, gradient)

    def compare_money(self):
        look, reference = self.player.look, self.reference
        for currency in (COIN, self.token):
            balance = look.coin_balance if currency == COIN else lambda who: look.token_balance(self.token, who)
            assert balance(str(self.stage.sonar.address)) == reference.held[currency]
            assert [balance(payee) for payee in PAYEES] == [reference.paid[payee, currency] for payee in PAYEES]

    def _catch_up(self):
        head = self.player.look.head() + 1
        self.ledger.apply_all(self.player.look.events(self.read, head))
        self.read = head


@pytest.fixture
def accounts_by_role(scientist, capsule, miner, second_miner, arbiter, stranger):
    return {
        "scientist": scientist,
        "capsule": capsule,
        "miner": miner,
        "second_miner": second_miner,
        "arbiter": arbiter,
        "stranger": stranger,
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_a_history(stage, token, accounts_by_role, seed):
    stage.announce(currencies=(COIN_ADDRESS, token.address))
    for role in ("scientist", "capsule"):
        token.mint(accounts_by_role[role], 10**15, sender=accounts_by_role[role])
        stage.as_(accounts_by_role[role]).approve(str(token.address), 10**15)
    world = ThreeWay(stage, token, accounts_by_role, seed)
    for step in range(STEPS):
        moved = world.step()
        every = step % EVERYTHING == 0 or step == STEPS - 1
        for campaign in world.reference.campaigns if every else {moved} & set(world.reference.campaigns):
            world.compare(campaign)
        world.compare_money()
    # Shown by `-s`: what the history was made of.
    print(f"seed {seed}: {STEPS} steps, {len(world.reference.campaigns)} Campaigns")  # noqa: T201
    print("accepted", dict(world.accepted), "refused", dict(world.refused))  # noqa: T201
    assert len(world.accepted) >= LEAST_FUNCTIONS
    assert sum(world.refused.values()) >= LEAST_REFUSED
    assert len(world.refused) >= LEAST_ERRORS
