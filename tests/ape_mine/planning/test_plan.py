"""The dry run: it says what the loop then does, and leaves nothing anywhere."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ape_mine.home.home import Home
from ape_mine.loop import Mine
from ape_mine.planning.dry_run import dry_run, view_plan
from ape_mine.planning.planner import Intent, PlannedAction
from ape_mine.policy.decision import PolicyVerdict
from sonar_core.base.errors import SonarError
from sonar_core.data.table_schema import TableSchema
from tests.world.mine import AGE, DOSE, FEE, ILL, MINER, POLICY, SONAR, World, spec, write_csv

SCHEMA = TableSchema.parse({"fields": [AGE, DOSE, ILL]})
NIGHT, NOON = (datetime(2026, 12, 1, hour, tzinfo=UTC) for hour in (3, 12))


class House:
    """A Mine, what its owner may change, and eyes on all that it touches."""

    def __init__(self, folder: Path, confirmations: int = 0) -> None:
        self.world, self.folder, self.confirmations = World(folder), folder, confirmations
        self.home = Home.create(folder / "mine", MINER, SONAR)
        self.home.datasets.add("ward-7", write_csv(folder / "rows.csv"), SCHEMA)
        self.clock = NIGHT
        self.adopt(POLICY)
        self.mine = self.open_mine()

    def open_mine(self) -> Mine:
        return Mine(
            self.world.sonar,  # type: ignore[arg-type]
            self.world.store,
            self.home,
            confirmations=self.confirmations,
            start_block=0,
            wall=lambda: self.clock,
        )

    def adopt(self, text: str) -> None:
        (self.folder / "new.yaml").write_text(text)
        self.home.adopt(self.folder / "new.yaml")

    def plan(self) -> list[Intent]:
        with self.home.state_copy().opened() as state:
            return list(
                dry_run(
                    self.home,
                    state,
                    self.world.sonar,  # type: ignore[arg-type]
                    self.world.store,
                    self.home.policy(),
                    confirmations=self.confirmations,
                    start_block=0,
                    clock=self.clock,
                )
            )

    def traces(self) -> dict[str, Any]:
        """Everything in the home and the store, and how long the chain is."""
        files = [path for path in self.folder.rglob("*") if path.is_file() and not path.name.startswith("state.sqlite")]
        with sqlite3.connect(self.home.folder / "state.sqlite") as connection:
            journal = list(connection.iterdump())
        hashes = {str(path): hashlib.sha256(path.read_bytes()).digest() for path in files}
        return {
            "journal": journal,
            "files": hashes,
            "chain": (self.world.sonar.newest_block(), len(self.world.sonar.shared.pool)),
        }


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def told(intents: list[Intent]) -> list[tuple[PlannedAction, str]]:
    return [(intent.step, intent.reason) for intent in intents]


# ------------------------------------------------------------------ what it says


def test_every_open_campaign_has_its_line(house: House) -> None:
    world = house.world
    assert house.plan() == []
    first, later = world.open_campaign(), world.open_campaign(bounty=1)
    broken = world.open_campaign(spec=bytes(31) + b"\1")
    house.mine.step()
    ended = world.open_campaign(duration=1)
    world.wait(5)
    house.adopt(POLICY.replace("'>= 0 ether'", "'>= 2 wei'"))
    fresh = world.open_campaign()

    intents = house.plan()

    steps = {intent.campaign.id: intent.step for intent in intents}
    assert steps == {
        first: PlannedAction.WAIT,
        later: PlannedAction.WAIT,
        broken: PlannedAction.TROUBLE,
        fresh: PlannedAction.TRAIN,
    }
    assert ended not in steps
    views = {view.campaign: view for view in view_plan(intents, ())}
    view = views["0x" + fresh.hex()]
    assert (view.step, view.dataset, view.rule, view.version) == ("train", "ward-7", 1, 0)
    assert (view.reward, view.reward_words) == (500, "0.0000000000000005 ether")
    assert (view.cost, view.cost_words) == (FEE + 115_000, "0.000001000000115 ether")
    assert views["0x" + first.hex()].reason == "Gradient 0 is not scored yet"
    assert (views["0x" + first.hex()].reward, views["0x" + first.hex()].reward_words) == (None, "")


@pytest.mark.parametrize(
    ("change", "step", "words"),
    [
        (("approve: automatic", "approve: by-hand"), PlannedAction.ASK, "asks for approval by hand"),
        (("rounds: 3", "rounds: 3, hours: 22:00-06:00 UTC"), PlannedAction.TRAIN, "rule 1 allows"),
        (("rounds: 3", "rounds: 3, hours: 11:00-13:00 UTC"), PlannedAction.DENY, "its hours are 11:00-13:00 UTC"),
        (("rounds: 3", "rounds: 3, worth: '>= 0'"), PlannedAction.TRAIN, "rule 1 allows"),
        (
            ("rounds: 3", "rounds: 3, worth: '>= 1'"),
            PlannedAction.DENY,
            "below 1 times the cost of gas and scoring fee",
        ),
        (("capsules: any", f"capsules: ['{MINER}']"), PlannedAction.DENY, "is not among those named"),
    ],
)
def test_it_gives_the_policys_reasons(house: House, change: tuple[str, str], step: PlannedAction, words: str) -> None:
    house.world.open_campaign()
    house.adopt(POLICY.replace(*change))
    ((found, reason),) = told(house.plan())
    assert found is step
    assert words in reason


def test_confirmations_are_waited_for(tmp_path: Path) -> None:
    house = House(tmp_path, confirmations=2)
    house.world.open_campaign()
    assert told(house.plan()) == [(PlannedAction.WAIT, "its opening is not confirmed yet")]
    house.world.wait(1)
    house.world.wait(1)
    assert [intent.step for intent in house.plan()] == [PlannedAction.TRAIN]
    house.mine.step()
    assert told(house.plan()) == [(PlannedAction.WAIT, "a Gradient for it is under way")]


def test_what_a_planned_gradient_spends_is_gone_for_the_next(house: House) -> None:
    """One release, two Campaigns with different questions: the run does the first, and so the plan says."""
    world = house.world
    house.adopt(POLICY.replace("consent: own", "consent: own, privacy: {epsilon: 6, delta: 1e-6}"))
    older = {**AGE, "constraints": {"minimum": 0, "maximum": 100}}
    question = {"description": "Patients", "schema": {"fields": [older, DOSE]}}
    first = world.open_campaign()
    world.open_campaign(spec=world.store.put(spec(input=question).to_bytes()))
    same = world.open_campaign()

    assert [intent.step for intent in house.plan()] == [PlannedAction.TRAIN, PlannedAction.DENY, PlannedAction.TRAIN]
    house.mine.step()

    submitted = [campaign for campaign in world.sonar.ledger().campaigns.values() if campaign.submitted]
    assert [campaign.id for campaign in submitted] == [first, same]


def test_what_is_begun_is_finished_at_any_hour_and_price(tmp_path: Path) -> None:
    """Its fee is paid: a blob that is held back would be rejected, and earn nothing."""
    house = House(tmp_path, confirmations=1)
    house.adopt(POLICY.replace("rounds: 3", "rounds: 3, hours: 22:00-06:00 UTC, worth: '>= 0.5'"))
    campaign = house.world.open_campaign(bounty=10**18)
    house.world.wait(1)
    assert [action.kind for action in house.mine.step()] == ["noted", "submitted"]
    house.clock, house.world.sonar.shared.gas_price = NOON, 10**18
    house.world.wait(1)

    assert [action.kind for action in house.mine.step()] == ["published"]

    assert house.world.store.has(house.world.state(campaign).gradients[0].record.bundle)


# ------------------------------------------------------------------ what it leaves


def test_it_leaves_nothing_and_reads_specs_alone(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    world = house.world
    house.adopt(POLICY.replace("consent: own", "consent: own, privacy: {epsilon: 6, delta: 1e-6}"))
    campaigns = [world.open_campaign() for _ in range(2)]
    before, fetched = house.traces(), []
    get = world.store.get
    monkeypatch.setattr(
        world.store, "get", lambda address, limit: (fetched.append(address), get(address, limit=limit))[1]
    )
    monkeypatch.setattr(world.store, "put", _never)
    monkeypatch.setattr(world.sonar, "submit_gradient", _never)

    assert [intent.step for intent in house.plan()] == [PlannedAction.TRAIN, PlannedAction.TRAIN]

    assert set(fetched) == {world.state(campaign).terms.spec for campaign in campaigns}
    assert house.traces() == before
    monkeypatch.undo()
    house.mine.step()
    assert house.traces() != before, "a run does leave something"


def test_it_works_beside_a_running_mine(house: House) -> None:
    """The other process holds the home and writes its journal; the plan neither waits nor disturbs."""
    house.world.open_campaign()
    with house.home.lock(), house.home.state().opened() as state, state.journal.transaction():
        assert [intent.step for intent in house.plan()] == [PlannedAction.TRAIN]


def _never(*arguments: Any, **named: Any) -> Any:
    raise AssertionError("a plan does nothing")


# ------------------------------------------------------------------ plan and run

POLICIES = [
    POLICY,
    POLICY.replace("automatic", "by-hand"),
    POLICY.replace("rounds: 3", "rounds: 3, worth: '>= 1'").replace("0 ether", "500 wei"),
    POLICY.replace("rounds: 3", "rounds: 3, hours: 22:00-06:00 UTC"),
    "datasets: {ward-7: {}}",
]
Move = Callable[[House], object]


def _open(**terms: Any) -> Move:
    return lambda house: house.world.open_campaign(**terms)


def _on_newest(act: Callable[[House, bytes], object]) -> Move:
    def move(house: House) -> None:
        ids = list(house.world.sonar.ledger().campaigns)
        if ids:
            act(house, ids[-1])

    return move


def _score(rise: int) -> Callable[[House, bytes], object]:
    def act(house: House, campaign: bytes) -> None:
        state = house.world.state(campaign)
        if state.oldest_unscored:
            house.world.score(campaign, min(state.accuracy + rise, 8 * 10**17))

    return act


def _approve(house: House, campaign: bytes) -> None:
    with house.home.state().opened() as state:
        state.approve(campaign, "ward-7")


def _set(**changes: Any) -> Move:
    def move(house: House) -> None:
        for name, value in changes.items():
            setattr(house if name == "clock" else house.world.sonar.shared, name, value)

    return move


moves = st.sampled_from(
    [
        _open(),
        _open(),
        _open(bounty=10**18),
        _open(spec=bytes(31) + b"\1"),
        _open(scheme=2),
        _on_newest(_score(10**17)),
        _on_newest(_score(10**17)),
        _on_newest(_score(0)),
        _on_newest(
            lambda house, campaign: house.world.rival.submit_gradient(campaign, b"r" * 32, b"c" * 32, 0, fee=FEE)
        ),
        _on_newest(_approve),
        lambda house: house.world.wait(60),
        _set(clock=NOON),
        _set(clock=NIGHT),
        _set(gas_price=1),
        _set(gas_price=10**13),
        *[lambda house, text=text: house.adopt(text) for text in POLICIES],
        lambda house: house.mine.step(),
        lambda house: house.mine.step(),
    ]
)


@settings(deadline=None, max_examples=25)
@given(st.lists(moves, min_size=3, max_size=12), st.integers(0, 1))
def test_the_run_does_what_the_plan_says(played: list[Move], confirmations: int) -> None:
    with TemporaryDirectory() as folder:
        house = House(Path(folder), confirmations)
        for move in played:
            with suppress(SonarError):  # what the contracts refuse in this state did not happen
                move(house)
        # What is under way is brought to its end first, as a step of the loop does; a new process has no rests.
        house.mine.step()
        house.mine.close()
        house.world.wait(0)
        house.mine = house.open_mine()
        _compare(house)
        house.mine.close()


def _compare(house: House) -> None:
    planned = house.plan()
    already = {one.id: one.submitted for one in house.world.sonar.ledger().campaigns.values()}

    house.mine.step()

    after = house.world.sonar.ledger().campaigns
    trained = {campaign for campaign, state in after.items() if state.submitted > already[campaign]}
    assert trained == {intent.campaign.id for intent in planned if intent.step is PlannedAction.TRAIN}
    with house.home.state().opened() as state:
        notes = {note.campaign: note for note in state.notes()}
    verdicts = {
        PlannedAction.TRAIN: PolicyVerdict.ALLOW,
        PlannedAction.ASK: PolicyVerdict.ASK,
        PlannedAction.DENY: PolicyVerdict.DENY,
        PlannedAction.TROUBLE: None,
    }
    for intent in planned:
        if intent.step is not PlannedAction.WAIT:
            note = notes[intent.campaign.id]
            assert (note.verdict, note.reason) == (verdicts[intent.step], intent.reason)
