"""The loop on a simulated chain: what it sends and when, and that a kill at any point changes nothing in the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event as Flag
from typing import Any

import pytest

from ape_mine.home.home import Home
from ape_mine.loop import Mine
from sonar_core.chain.contracts import TransactionError, UnconfirmedError
from sonar_core.data.table_schema import TableSchema
from sonar_core.protocol.events import GradientSubmitted
from sonar_core.protocol.ledger import CampaignState
from sonar_core.protocol.structs import Status
from sonar_core.service.action import Action
from sonar_core.service.observer import Observer
from sonar_core.store import BlobNotFoundError, StoreUnavailableError
from tests.world.mine import (
    AGE,
    DOSE,
    FEE,
    ILL,
    MINER,
    POLICY,
    RIVAL,
    SCIENTIST,
    SONAR,
    World,
    write_csv,
)

SCHEMA = TableSchema.parse({"fields": [AGE, DOSE, ILL]})


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home.create(tmp_path / "mine", MINER, SONAR)
    home.datasets.add("ward-7", write_csv(tmp_path / "rows.csv"), SCHEMA)
    adopt(home, POLICY)
    return home


def adopt(home: Home, text: str) -> None:
    (home.folder.parent / "new.yaml").write_text(text)
    home.adopt(home.folder.parent / "new.yaml")


def open_mine(world: World, home: Home, **options: Any) -> Mine:
    settings = {"confirmations": 0, "start_block": 0, **options}
    return Mine(world.sonar, world.store, home, **settings)  # type: ignore[arg-type]


@pytest.fixture
def mine(world: World, home: Home) -> Iterator[Mine]:
    mine = open_mine(world, home)
    yield mine
    mine.close()


def kinds(actions: list[Action]) -> list[str]:
    return [action.kind for action in actions]


def own(state: CampaignState) -> list[int]:
    """Versions of the Mine's Gradients, in order."""
    return [gradient.record.version for gradient in state.gradients.values() if gradient.record.miner == MINER]


# ------------------------------------------------------------------ one round


def test_a_gradient_is_submitted_then_published(world: World, mine: Mine) -> None:
    campaign = world.open_campaign()

    assert kinds(mine.step()) == ["noted", "submitted", "published"]

    record = world.state(campaign).gradients[0].record
    assert (record.miner, record.version) == (MINER, 0)
    assert world.store.has(record.bundle)
    assert mine.step() == []


def test_the_rows_choose_mu_where_the_policy_says_so(world: World, home: Home, mine: Mine) -> None:
    kept = set()
    for text in (POLICY, POLICY.replace("consent: own", "consent: own, mu: own")):
        adopt(home, text)
        world.open_campaign()
        assert "submitted" in kinds(mine.step())
        kept |= {path.stem for path in (home.folder / "statistics").iterdir()}
    found = [own.mu for own in (home.statistics.get(bytes.fromhex(stem)) for stem in kept) if own]
    assert sorted(mu is None for mu in found) == [False, True]


def test_a_node_that_hides_a_gradient_makes_the_mine_submit_no_other(
    world: World, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Mine gave up the Gradient that the node's logs left out, and paid for a second one of the same Model."""
    campaign = world.open_campaign()
    world.wait(1)
    mine = open_mine(world, home, confirmations=1)
    assert kinds(mine.step()) == ["noted", "submitted"]
    world.wait(1)
    real = world.sonar.events

    def without_gradients(start: int, stop: int) -> list[Any]:
        return [event for event in real(start, stop) if not isinstance(event, GradientSubmitted)]

    with monkeypatch.context() as patch:
        patch.setattr(world.sonar, "events", without_gradients)
        actions = mine.step()
    assert {action.kind for action in actions} == {"trouble"}
    assert "the contract counts 1" in actions[0].words
    assert own(world.state(campaign)) == [0]
    world.wait(1)
    assert kinds(mine.step()) == ["published"]
    mine.close()


def test_the_blob_waits_for_its_confirmations(world: World, home: Home) -> None:
    campaign = world.open_campaign()
    world.wait(1)
    world.wait(1)
    mine = open_mine(world, home, confirmations=2)
    assert kinds(mine.step()) == ["noted", "submitted"]
    bundle = world.state(campaign).gradients[0].record.bundle
    for _ in range(2):
        assert not world.store.has(bundle)
        assert mine.step() == []
        world.wait(1)
    assert kinds(mine.step()) == ["published"]
    assert world.store.has(bundle)


def test_what_a_reorganisation_takes_back_is_not_published(world: World, home: Home) -> None:
    campaign = world.open_campaign()
    world.wait(1)
    world.wait(1)
    mine = open_mine(world, home, confirmations=2)
    mine.step()
    bundle = world.state(campaign).gradients[0].record.bundle
    world.sonar.shared.take_back(1)
    world.sonar.shared.pool.clear()
    world.wait(1)
    assert own(world.state(campaign)) == []

    assert kinds(mine.step()) == ["submitted"], "the same transaction again"
    world.wait(1)
    world.wait(1)
    assert kinds(mine.step()) == ["published"]

    assert [gradient.record.bundle for gradient in world.state(campaign).gradients.values()] == [bundle]


# ------------------------------------------------------------------ what waits


def test_nothing_is_trained_while_a_transaction_waits(world: World, mine: Mine) -> None:
    campaign = world.open_campaign()
    world.sonar.waits = "transaction 0x1 waits for its block"
    for _ in range(2):
        assert [(action.kind, action.words) for action in mine.step()] == [("waiting", world.sonar.waits)]
    assert world.state(campaign).submitted == 0
    world.sonar.waits = None
    assert "submitted" in kinds(mine.step())


def test_a_submission_that_waits_ends_the_look_and_is_counted_once(
    world: World, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaigns, mine = [world.open_campaign(), world.open_campaign()], open_mine(world, home)
    real = type(world.sonar).submit_gradient

    def late(self: Any, *arguments: Any, **named: Any) -> Any:
        """In a block only after the look is over."""
        self.shared.mine, mines = (lambda: []), self.shared.mine
        try:
            real(self, *arguments, **named)
        finally:
            self.shared.mine = mines
        self.waits = "transaction 0x1 waits for its block"
        raise UnconfirmedError("0x1")

    with monkeypatch.context() as patch:
        patch.setattr(type(world.sonar), "submit_gradient", late)
        assert kinds(mine.step()) == ["noted", "waiting"]
        mine.close()
        mine = open_mine(world, home)
        assert kinds(mine.step()) == ["waiting"]
    world.wait(0)
    world.sonar.waits = None
    assert kinds(mine.step()) == ["published", "noted", "submitted", "published"]
    mine.close()
    assert [world.state(campaign).submitted for campaign in campaigns] == [1, 1]


def test_a_claim_that_waits_ends_the_look(world: World, mine: Mine, monkeypatch: pytest.MonkeyPatch) -> None:
    campaigns = [world.open_campaign(), world.open_campaign()]
    mine.step()
    for campaign in campaigns:
        world.score(campaign, 10**17)
        world.deliver(campaign)
    asked: list[bytes] = []

    def late(self: Any, campaign: bytes, *arguments: Any) -> Any:
        asked.append(campaign)
        self.waits = "transaction 0x1 waits for its block"
        raise UnconfirmedError("0x1")

    with monkeypatch.context() as patch:
        patch.setattr(type(world.sonar), "claim", late)
        assert kinds(mine.step()) == ["waiting"]
    assert asked == campaigns[:1]
    world.sonar.waits = None
    assert kinds(mine.step()) == ["claimed", "claimed"]


# ------------------------------------------------------------------ rounds


def test_a_new_head_is_worked_on_and_an_old_one_never_twice(world: World, mine: Mine) -> None:
    campaign = world.open_campaign()
    mine.step()
    for accuracy in (10**17, 2 * 10**17):
        assert mine.step() == []
        world.score(campaign, accuracy)
        assert "submitted" in kinds(mine.step())
    assert own(world.state(campaign)) == [0, 1, 2]
    world.score(campaign, 3 * 10**17)
    assert kinds(mine.step()) == ["noted"], "the policy's three rounds are over"
    assert own(world.state(campaign)) == [0, 1, 2]


def test_a_gradient_without_effect_is_not_repeated_until_others_improve_the_model(world: World, mine: Mine) -> None:
    campaign = world.open_campaign()
    mine.step()
    world.score(campaign, 0)
    assert mine.step() == []
    world.rival.submit_gradient(campaign, b"r" * 32, b"c" * 32, 0, fee=FEE)
    assert mine.step() == []
    world.score(campaign, 10**17)
    assert "submitted" in kinds(mine.step())
    world.reject(campaign)
    world.rival.submit_gradient(campaign, b"s" * 32, b"c" * 32, 0, fee=FEE)
    world.score(campaign, 2 * 10**17)
    assert "submitted" not in kinds(mine.step()), "patience is over: two in a row brought nothing"
    assert own(world.state(campaign)) == [0, 1]


def test_a_rebase_is_no_new_model(world: World, mine: Mine) -> None:
    campaign = world.open_campaign()
    mine.step()
    world.score(campaign, 0)
    world.rebase(campaign)
    assert mine.step() == []
    assert own(world.state(campaign)) == [0]


def test_only_open_campaigns_are_worked_for(world: World, mine: Mine) -> None:
    campaign = world.open_campaign()
    world.sonar.shared.now = world.state(campaign).ends_at
    assert mine.step() == []
    assert world.state(campaign).submitted == 0


# ------------------------------------------------------------------ policy


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ("datasets: {}", "the policy names no dataset"),
        ("datasets: {ward-7: {consent: own}}", "no rule is for the dataset ward-7"),
        (POLICY.replace("[ill]", "[age]"), "predict age, not ill"),
        (POLICY.replace("'>= 0 ether'", "'>= 1 ether'"), "below 1 ether"),
        (POLICY.replace("capsules: any", f"capsules: ['{SCIENTIST}']"), "is not among those named"),
    ],
)
def test_nothing_leaves_without_a_policy_that_allows_it(
    world: World, home: Home, mine: Mine, policy: str, words: str
) -> None:
    campaign = world.open_campaign()
    adopt(home, policy)
    blobs = sorted(path.name for path in (world.folder / "blobs").iterdir())

    actions = mine.step()

    assert kinds(actions) == ["noted"]
    assert words in actions[0].words
    assert world.state(campaign).submitted == 0
    assert sorted(path.name for path in (world.folder / "blobs").iterdir()) == blobs
    assert mine.step() == [], "what was said is not said again"


def test_a_dataset_that_does_not_fit_needs_no_model_to_say_so(world: World, home: Home, mine: Mine) -> None:
    home.datasets.add("ward-7", world.folder / "rows.csv", TableSchema.parse({"fields": [AGE, ILL]}), replace=True)
    campaign = world.open_campaign()
    fetched: list[bytes] = []
    get = world.store.get
    world.store.get = lambda address, limit: (fetched.append(address), get(address, limit=limit))[1]  # type: ignore[method-assign]

    actions = mine.step()

    assert "Input field 'dose': the dataset has no such column" in actions[0].words
    assert fetched == [world.state(campaign).terms.spec]


def test_approval_by_hand(world: World, home: Home, mine: Mine) -> None:
    campaign = world.open_campaign()
    adopt(home, POLICY.replace("automatic", "by-hand"))
    assert [action.words.split(":")[0] for action in mine.step()] == ["ask"]
    assert world.state(campaign).submitted == 0

    with home.state().opened() as state:
        state.approve(campaign, "ward-8")
    assert mine.step() == []
    with home.state().opened() as state:
        state.approve(campaign, "ward-7")

    assert kinds(mine.step()) == ["noted", "submitted", "published"]


def test_a_policy_that_changes_its_mind_stops_what_is_not_out_yet(world: World, home: Home) -> None:
    campaign = world.open_campaign()
    world.wait(1)
    mine = open_mine(world, home, confirmations=1)
    assert kinds(mine.step()) == ["noted", "submitted"]
    adopt(home, "datasets: {ward-7: {consent: own}}")
    world.wait(1)

    actions = mine.step()

    assert [action.words for action in actions] == ["deny: withheld: no rule is for the dataset ward-7"]
    assert not world.store.has(world.state(campaign).gradients[0].record.bundle)


def test_a_broken_policy_lets_nothing_out_but_money_in(world: World, home: Home, mine: Mine) -> None:
    campaign = world.open_campaign()
    mine.step()
    world.score(campaign, 10**17)
    (home.folder / "policy.yaml").write_text("allow: everything")
    actions = mine.step()
    assert kinds(actions) == ["trouble", "noted"]
    assert "policy.yaml" in actions[0].words
    world.deliver(campaign)
    assert kinds(mine.step()) == ["trouble", "claimed"]


# ------------------------------------------------------------------ trouble


def test_a_campaign_that_gives_trouble_stops_no_other_and_is_tried_again_later(world: World, home: Home) -> None:
    missing = world.open_campaign(spec=bytes(31) + b"\1")
    garbage = world.open_campaign(spec=world.store.put(b"{}"))
    newer = world.open_campaign(scheme=2)
    sound = world.open_campaign()
    now = [0.0]
    mine = open_mine(world, home, clock=lambda: now[0])

    actions = mine.step()

    notes = {action.campaign: action.words for action in actions if action.kind in ("noted", "trouble")}
    assert "blob" in notes[missing]
    assert "Campaign spec" in notes[garbage]
    assert "scheme is 2" in notes[newer]
    assert own(world.state(sound)) == [0]
    assert all(world.state(campaign).submitted == 0 for campaign in (missing, garbage, newer))
    fetched: list[bytes] = []
    world.store.get = lambda address, limit: fetched.append(address) or _no_blob(address)  # type: ignore[method-assign]
    for moment, looks in ((0.5, 0), (1.0, 2), (2.5, 0), (3.0, 2)):
        now[0], fetched[:] = moment, []
        mine.step()
        assert len(fetched) == looks, moment


def _no_blob(address: bytes) -> bytes:
    raise BlobNotFoundError(address, "is not there")


def test_a_store_that_is_down_is_tried_again(world: World, home: Home, mine: Mine) -> None:
    campaign = world.open_campaign()
    put, world.store.put = world.store.put, _down  # type: ignore[method-assign]
    assert kinds(mine.step()) == ["noted", "submitted", "trouble"]
    assert kinds(mine.step()) == ["trouble"]
    world.store.put = put  # type: ignore[method-assign]
    assert kinds(mine.step()) == ["published"]
    assert own(world.state(campaign)) == [0]


def _down(data: bytes) -> bytes:
    raise StoreUnavailableError("embedded:/nowhere", "down")


def test_a_copied_address_is_not_taken_for_ones_own(world: World, mine: Mine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rival who sees the transaction submits the same bundle first, and ours gets lost: it is still ours to send."""
    campaign = world.open_campaign()

    def overtaken(campaign: bytes, bundle: bytes, commitment: bytes, version: int, **how: Any) -> Any:
        world.rival.submit_gradient(campaign, bundle, commitment, version, fee=FEE)
        raise TransactionError("not accepted")

    with monkeypatch.context() as patch:
        patch.setattr(world.sonar, "submit_gradient", overtaken)
        mine.step()
    bundle = world.state(campaign).gradients[0].record.bundle
    assert not world.store.has(bundle), "what is not ours on chain is not published"

    assert kinds(mine.step()) == ["submitted", "published"]

    gradients = world.state(campaign).gradients
    assert [gradient.record.miner for gradient in gradients.values()] == [RIVAL, MINER]
    assert gradients[1].record.bundle == bundle


def test_nothing_is_begun_while_a_transaction_of_the_account_waits(world: World, mine: Mine) -> None:
    """The next nonce would be a guess: somebody uses the account for other things too."""
    paying = world.open_campaign()
    mine.step()
    world.score(paying, 4 * 10**17)
    world.deliver(paying)
    world.open_campaign()
    world.sonar.shared.pool.append(world.waiting(MINER))
    assert [mine.step(), mine.collect()] == [[], []]
    world.wait(1)
    assert sorted(kinds(mine.step())) == ["claimed", "noted", "published", "submitted"]


def test_what_is_sent_is_what_was_written_down(
    world: World, home: Home, mine: Mine, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = world.open_campaign()
    submit, sent = world.sonar.submit_gradient, []

    def watched(*arguments: Any, **named: Any) -> Any:
        with home.state().opened() as state:
            (written,) = state.unfinished()
        sent.append(written)
        assert arguments == (campaign, written.bundle, written.commitment, written.version)
        assert named == {"fee": FEE, "nonce": written.nonce}
        assert world.store.address_of(written.sealed) == written.bundle
        assert not world.store.has(written.bundle)
        return submit(*arguments, **named)

    monkeypatch.setattr(world.sonar, "submit_gradient", watched)
    mine.step()
    assert len(sent) == 1
    with home.state().opened() as state:
        assert state.unfinished() == []
        assert len(state.transactions(campaign)) == 1


def test_a_service_tells_trouble_once_and_news_always(
    world: World, mine: Mine, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Action("trouble", None, "the disk is full"), Action("trouble", b"c" * 32, "no blob")
    news = Action("submitted", b"c" * 32, "a Gradient")
    full = OSError("the disk is full")
    coming: list[Any] = [[second], full, full, [second], [news, news], [second], []]
    stop, told = Flag(), []

    def step() -> list[Action]:
        happened = coming.pop(0)
        if not coming:
            stop.set()
        if isinstance(happened, Exception):
            raise happened
        return list(happened)

    monkeypatch.setattr(mine, "step", step)
    mine.run(poll_interval=0, stop=stop, report=told.append)
    assert told == [second, first, news, news, second]


def test_asked_to_end_it_finishes_the_gradient_under_way_and_begins_no_other(world: World, home: Home) -> None:
    stop, told = Flag(), []

    class Ending(Observer):
        def timed(self, work: str, seconds: float) -> None:
            assert (work, seconds > 0) == ("train", True)
            stop.set()

    world.open_campaign()
    world.open_campaign()
    mine = open_mine(world, home, observer=Ending())
    mine.run(poll_interval=0, stop=stop, report=told.append)
    mine.close()
    assert [action.kind for action in told if action.kind != "noted"] == ["submitted", "published"]


# ------------------------------------------------------------------ payouts


def test_rewards_are_claimed_once(world: World, mine: Mine) -> None:
    campaign = world.open_campaign()
    mine.step()
    world.score(campaign, 4 * 10**17)
    mine.step()
    world.score(campaign, 4 * 10**17)
    assert "claimed" not in kinds(mine.step())
    world.deliver(campaign)

    actions = mine.step()

    assert kinds(actions) == ["claimed"]
    assert actions[0].words.startswith("0.0000000000000005 ether for")
    state = world.state(campaign)
    assert [gradient.claimed for gradient in state.gradients.values()] == [True, False]
    assert mine.step() == []


def test_its_own_bundles_go_once_their_campaign_has_been_over_for_long_enough(world: World, home: Home) -> None:
    """Nothing else: what others published may be pinned on the same node for them."""
    gone: list[bytes] = []
    world.store.unpin = gone.append  # type: ignore[method-assign]
    campaign = world.open_campaign()
    mine = open_mine(world, home)
    mine.step()
    world.score(campaign, 4 * 10**17)
    world.deliver(campaign)
    assert "claimed" in kinds(mine.step())
    mine.close()

    def told(after: float | None) -> list[str]:
        mine = open_mine(world, home, tidy_after=after)
        actions = mine.step()
        mine.close()
        return kinds(actions)

    assert told(100) == []
    world.wait(101)
    assert told(None) == []
    assert told(100) == ["released"]
    assert gone == [world.state(campaign).gradients[0].record.bundle]
    assert told(100) == []


def test_money_goes_where_the_miner_says(world: World, home: Home) -> None:
    campaign = world.open_campaign()
    mine = open_mine(world, home, pay_to=RIVAL)
    mine.step()
    world.score(campaign, 4 * 10**17)
    world.deliver(campaign)
    mine.step()
    claimed = [event for event in world.sonar.events(0, 99) if type(event).__name__ == "Claimed"]
    assert [(event.miner, event.to) for event in claimed] == [(MINER, RIVAL)]


def test_fees_of_what_a_met_target_made_void_come_back(world: World, mine: Mine) -> None:
    campaign = world.open_campaign()
    world.rival.submit_gradient(campaign, b"r" * 32, b"c" * 32, 0, fee=FEE)
    mine.step()
    world.score(campaign, 8 * 10**17)
    world.deliver(campaign)
    assert kinds(mine.step()) == ["reclaimed"]
    state = world.state(campaign)
    assert state.gradients[1].reclaimed
    assert mine.step() == []


def test_a_capsule_that_fails_is_expired_and_pays(world: World, mine: Mine) -> None:
    campaign = world.open_campaign()
    mine.step()
    world.wait(300)
    assert world.state(campaign).status(world.sonar.timestamp()) is Status.EXPIRED
    taken = [kinds(mine.step()) for _ in range(4)]
    assert taken == [["expired"], ["reclaimed"], ["compensated"], []]
    account = world.state(campaign).account()
    assert account.paid == 10
    assert account.scoring_paid == FEE


def test_a_conviction_gives_fees_and_compensation_back(world: World, mine: Mine) -> None:
    campaign = world.open_campaign()
    mine.step()
    world.score(campaign, 10**17)
    mine.step()
    world.score(campaign, 2 * 10**17)
    world.convict(campaign, 1)
    taken = [sorted(kinds(mine.step())) for _ in range(3)]
    assert taken == [["claimed", "reclaimed"], ["compensated"], []]
    gradients = world.state(campaign).gradients
    assert [(one.claimed, one.reclaimed, one.compensated) for one in gradients.values()] == [
        (True, False, False),
        (False, True, True),
    ]
