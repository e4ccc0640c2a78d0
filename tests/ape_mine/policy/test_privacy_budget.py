"""A dataset's budget: never exceeded, spent once for each question, and never less than what was released."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ape_mine.datasets.dataset import Dataset
from ape_mine.datasets.store import DatasetStore
from ape_mine.errors import BudgetExceededError, ExactStatisticsLeftError, PolicyError, ReleaseCorruptError
from ape_mine.home.home import Home
from ape_mine.home.state import MineJournal
from ape_mine.loop import Mine
from ape_mine.planning.status_views import view_datasets
from ape_mine.policy.decision import PolicyVerdict
from ape_mine.policy.document import Privacy
from ape_mine.policy.privacy_budget import Spending, quote
from ape_mine.policy.submission import Submission
from ape_mine.training.clipping_bounds import row_bounds
from ape_mine.training.gradient_task import statistics_key
from ape_mine.training.noisy_releases import NoisyReleases
from sonar_core.base.database import Database
from sonar_core.crypto.sealed_messages import unseal_anonymous
from sonar_core.data.row_encoder import RowEncoder
from sonar_core.data.table_schema import TableSchema
from sonar_core.protocol.gradient_bundle import Bundle
from sonar_core.service.action import Action
from syft import wire
from syft.nn import LinearClassifier, LinearRegression, MultiLabelClassifier, RandomFeatureClassifier
from syft.privacy import Release, RowBounds
from tests.world.killing import KilledError
from tests.world.mine import (
    AGE,
    DOSE,
    ILL,
    MINER,
    POLICY,
    SONAR,
    Fuse,
    World,
    capsule_key,
    model,
    private_context,
    rows,
    spec,
    write_csv,
)

SCHEMA = TableSchema.parse({"fields": [AGE, DOSE, ILL]})
PRIVACY = Privacy(epsilon=4.0, delta=1e-6, releases=2)
BOUNDS = RowBounds(3 << 20, 1 << 19, 1 << 10)


# ------------------------------------------------------------------ the price, without a Mine


@given(
    epsilon=st.floats(0.05, 20),
    releases=st.integers(1, 12),
    questions=st.lists(st.integers(0, 20), max_size=30),
)
@settings(deadline=None, max_examples=60)
def test_whatever_is_asked_the_budget_holds(epsilon: float, releases: int, questions: list[int]) -> None:
    """As many different questions are answered as the policy says; the same one any number of times."""
    privacy = Privacy(epsilon=epsilon, delta=1e-6, releases=releases)
    answered: set[int] = set()
    spending = Spending()
    for question in questions:
        if question not in answered and len(answered) == releases:
            with pytest.raises(BudgetExceededError) as caught:
                quote("ward-7", privacy, spending, released=False)
            assert caught.value.left == 0
            continue
        price = quote("ward-7", privacy, spending, released=question in answered).price
        assert (price == 0) == (question in answered)
        answered.add(question)
        spending = Spending(spending.rho + price, len(answered))
        assert privacy.budget.epsilon_of(spending.rho) <= epsilon * (1 + 1e-9)
    assert len(answered) == min(len(set(questions)), releases)


def test_the_error_says_how_much_is_left() -> None:
    whole = PRIVACY.budget.rho
    with pytest.raises(BudgetExceededError) as caught:
        quote("ward-7", PRIVACY, Spending(whole * Fraction(3, 4), 1), released=False)
    left = PRIVACY.budget.epsilon_of(whole / 4)
    assert (caught.value.dataset, caught.value.left, caught.value.budget) == ("ward-7", left, PRIVACY.budget)
    assert caught.value.asked == PRIVACY.budget.epsilon_of(whole / 2) > left
    assert f"epsilon {left:.3g} of 4 is left at delta 1e-06" in str(caught.value)


def test_a_budget_that_was_made_smaller_stops_what_was_released_before() -> None:
    spent = Spending(PRIVACY.budget.rho, 2)
    assert quote("ward-7", PRIVACY, spent, released=True).price == 0
    smaller = Privacy(epsilon=3.9, delta=1e-6, releases=2)
    with pytest.raises(BudgetExceededError, match=r"epsilon 0 of 3\.9 is left"):
        quote("ward-7", smaller, spent, released=True)


def test_nothing_is_promised_of_rows_whose_exact_statistics_were_used() -> None:
    for released in (True, False):
        with pytest.raises(ExactStatisticsLeftError, match="3 Gradients were made from its exact statistics"):
            quote("ward-7", PRIVACY, Spending(exact_gradients=3), released=released)


# ------------------------------------------------------------------ bounds, from what is public


def test_bounds_are_those_of_typical_rows_of_the_schema() -> None:
    """For numbers spread evenly over [0, 1], and a column of ones, squares are a third each on average, and one."""
    fields = [
        {"name": f"x{place}", "type": "number", "constraints": {"minimum": -5, "maximum": 3}} for place in range(60)
    ]
    encoder = RowEncoder({"fields": fields}, {"fields": [{"name": "y", "type": "boolean"}]})
    bounds = row_bounds(LinearClassifier(inputs=60, outputs=2), encoder, 1.0)
    assert bounds.features_squared / 2**20 == pytest.approx(21, rel=0.05)
    assert (bounds.feature, bounds.target_squared) == (1 << 10, 2 * 512**2)
    half = row_bounds(LinearClassifier(inputs=60, outputs=2), encoder, 0.5)
    assert half.features_squared == pytest.approx(bounds.features_squared / 4, abs=1)


def test_bounds_of_every_kind_of_field_and_of_a_frozen_layer() -> None:
    fields = [
        {"name": "ward", "type": "string", "constraints": {"enum": ["a", "b", "c"]}},
        {"name": "stage", "type": "integer", "constraints": {"minimum": 1, "maximum": 4}},
        {"name": "code", "type": "integer", "constraints": {"enum": [7, 9]}},
        ILL,
    ]
    number = {"name": "y", "type": "number", "constraints": {"minimum": 0, "maximum": 9}}
    encoder = RowEncoder({"fields": fields}, {"fields": [number]})
    bounds = row_bounds(LinearRegression(inputs=len(encoder.columns), outputs=1), encoder, 1.0)
    assert 3 <= bounds.features_squared / 2**20 <= 5, "one of each enum, the ones, and the rest in part"
    assert bounds.target_squared == 1 << 20
    fourier = RandomFeatureClassifier(features=200, inputs=len(encoder.columns), outputs=3)
    classes = RowEncoder({"fields": fields}, {"fields": [{**fields[0], "name": "y"}]})
    bounds = row_bounds(fourier, classes, 1.0)
    assert bounds.features_squared / 2**20 == pytest.approx(101, rel=0.15), "half of each squared cosine, and one"
    centred = [(1024 if place else 0) - 341 for place in (1, 0, 0)]
    assert bounds.target_squared == sum(value**2 for value in centred)


def test_bounds_of_several_outputs_and_of_weighted_classes() -> None:
    number = {"name": "y", "type": "number", "constraints": {"minimum": 0, "maximum": 9}}
    numbers = RowEncoder({"fields": [AGE]}, {"fields": [number, {**number, "name": "z"}]})
    assert row_bounds(LinearRegression(inputs=1, outputs=2), numbers, 1.0).target_squared == 2 << 20
    signs = RowEncoder({"fields": [AGE]}, {"fields": [ILL, {**ILL, "name": "tired"}, {**ILL, "name": "cold"}]})
    assert row_bounds(MultiLabelClassifier(inputs=1, outputs=3), signs, 1.0).target_squared == 3 * 512**2
    classes = RowEncoder({"fields": [AGE]}, {"fields": [ILL]})
    plain, heavy = (
        row_bounds(LinearClassifier(inputs=1, outputs=2, class_weight=weights), classes, 1.0)
        for weights in (None, {0: 16, 1: 16})
    )
    assert heavy.target_squared == 16 * plain.target_squared
    assert heavy.features_squared == pytest.approx(16 * plain.features_squared, abs=16)
    assert heavy.feature == 4 * plain.feature
    one = row_bounds(LinearClassifier(inputs=1, outputs=2, class_weight={1: 16}), classes, 1.0)
    assert one.target_squared == heavy.target_squared


# ------------------------------------------------------------------ the ledger


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return DatasetStore(tmp_path / "datasets").add("ward-7", write_csv(tmp_path / "rows.csv"), SCHEMA)


@contextmanager
def ledger(folder: Path) -> Iterator[NoisyReleases]:
    with MineJournal(folder / "state.sqlite").opened() as state:
        yield state.releases


class Draws:
    """Draws releases of some rows, and remembers them."""

    def __init__(self) -> None:
        self.drawn: list[Release] = []

    def __call__(self, rho: Fraction) -> Release:
        chunk = (np.full((20, 3), 512), np.full((20, 2), 512))
        self.drawn.append(Release.draw([chunk], BOUNDS, rho))
        return self.drawn[-1]


def same(left: Release, right: Release) -> bool:
    facts = [(one.gram.tolist(), one.cross.tolist(), one.count, one.bounds, one.sigma) for one in (left, right)]
    return facts[0] == facts[1]


def test_noise_is_drawn_once_and_kept_over_restarts(tmp_path: Path, dataset: Dataset) -> None:
    draws = Draws()
    with ledger(tmp_path) as releases:
        first = releases.take(b"a", dataset, PRIVACY, draws)
        assert same(releases.take(b"a", dataset, PRIVACY, draws), first)
    with ledger(tmp_path) as releases:
        assert same(releases.take(b"a", dataset, PRIVACY, draws), first)
        assert same(draws.drawn[0], first)
        assert len(draws.drawn) == 1
        assert releases.spending(dataset) == Spending(first.rho, 1, 0)
        other = releases.take(b"b", dataset, PRIVACY, draws)
        assert not same(other, first)
        assert releases.spending(dataset) == Spending(first.rho + other.rho, 2, 0)


def test_what_would_exceed_the_budget_is_refused_before_a_row_is_read(tmp_path: Path, dataset: Dataset) -> None:
    draws = Draws()
    with ledger(tmp_path) as releases:
        for key in (b"a", b"b"):
            releases.take(key, dataset, PRIVACY, draws)
        with pytest.raises(BudgetExceededError, match="of 4 is left"):
            releases.take(b"c", dataset, PRIVACY, draws)
        assert len(draws.drawn) == 2
        releases.take(b"a", dataset, PRIVACY, draws)


def test_versions_and_names_of_the_same_rows_share_a_budget(tmp_path: Path, dataset: Dataset) -> None:
    draws, newer, renamed = Draws(), replace(dataset, version=b"v" * 32), replace(dataset, name="alias")
    stranger = replace(dataset, name="ward-8", version=b"w" * 32)
    with ledger(tmp_path) as releases:
        releases.take(b"a", dataset, PRIVACY, draws)
        releases.take(b"b", newer, PRIVACY, draws)
        assert [releases.spending(one).releases for one in (dataset, newer, renamed, stranger)] == [2, 2, 1, 0]
        with pytest.raises(BudgetExceededError):
            releases.take(b"c", newer, PRIVACY, draws)
        releases.take(b"c", stranger, PRIVACY, draws)


def test_rows_that_come_back_under_other_names_bring_what_was_spent_of_them(tmp_path: Path) -> None:
    """A dataset grows, is copied under another name at one of its stages, grows there, and is removed: one budget."""
    store, table = DatasetStore(tmp_path / "datasets"), (tmp_path / "rows.csv")
    whole = write_csv(tmp_path / "all.csv").read_text().splitlines()

    def put(name: str, rows: int) -> Dataset:
        table.write_text("\n".join(whole[: rows + 1]) + "\n")
        return store.add(name, table, SCHEMA, replace=True)

    with MineJournal(tmp_path / "state.sqlite").opened() as state:
        releases, draws = state.releases, Draws()
        releases.take(b"a", put("first", 10), PRIVACY, draws)
        put("first", 20)
        put("second", 20)
        second = put("second", 30)
        assert second.kin == ("first",)
        assert releases.spending(second).releases == 1, "the rows of the second were in the first when it was asked"
        store.remove("first")
        third = put("third", 30)
        assert third.kin == ("first", "second")
        releases.take(b"b", third, PRIVACY, draws)
        for dataset in (store.get("second"), put("first", 40), put("first", 5)):
            with pytest.raises(BudgetExceededError):
                releases.take(b"c", dataset, PRIVACY, draws)
        table.write_text("age,dose,ill\n1,1,true\n")
        assert releases.spending(store.add("stranger", table, SCHEMA)) == Spending()
        state.prepare(Submission(b"c" * 32, 0, b"b" * 32, b"k" * 32, b"", 0, "first", None))
        assert releases.spending(third).exact_gradients == 1


def test_gradients_of_exact_statistics_end_the_promise(tmp_path: Path, dataset: Dataset) -> None:
    submission = Submission(b"c" * 32, 0, b"b" * 32, b"k" * 32, b"", 0, "ward-7", b"r")
    with MineJournal(tmp_path / "state.sqlite").opened() as state:
        state.prepare(submission)
        assert state.releases.quote(b"a", dataset, PRIVACY).price > 0, "that one was noisy"
        state.prepare(replace(submission, bundle=b"d" * 32, release=None))
        with pytest.raises(ExactStatisticsLeftError):
            state.releases.take(b"a", dataset, PRIVACY, Draws())
        assert state.unfinished()[0] == submission


def test_a_damaged_release_is_not_drawn_again(tmp_path: Path, dataset: Dataset) -> None:
    with MineJournal(tmp_path / "state.sqlite").opened() as state:
        state.releases.take(b"a", dataset, PRIVACY, Draws())
        with state.journal.transaction() as connection:
            connection.execute("UPDATE release SET data = substr(data, 1, 99)")
        draws = Draws()
        with pytest.raises(ReleaseCorruptError, match="damaged: restore"):
            state.releases.take(b"a", dataset, PRIVACY, draws)
        assert not draws.drawn
        assert state.releases.spending(dataset).releases == 1


@pytest.mark.parametrize(("theirs", "budget_left"), [(b"a", True), (b"b", False)])
def test_of_two_that_draw_at_once_one_decides(
    tmp_path: Path, dataset: Dataset, theirs: bytes, budget_left: bool
) -> None:
    """Another process is in between: both use its noise, or the second finds the budget gone."""
    single, draws = Privacy(epsilon=4.0, delta=1e-6), Draws()
    with ledger(tmp_path) as ours, ledger(tmp_path) as others:
        between: list[Release] = []

        def draw(rho: Fraction) -> Release:
            between.append(others.take(theirs, dataset, single, draws))
            return draws(rho)

        if budget_left:
            assert same(ours.take(b"a", dataset, single, draw), between[0])
        else:
            with pytest.raises(BudgetExceededError):
                ours.take(b"a", dataset, single, draw)
        assert len(draws.drawn) == 2
        assert ours.spending(dataset) == Spending(between[0].rho, 1, 0)


@contextmanager
def burning(fuse: Fuse, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Points to be killed at around every transaction of the journal."""
    transaction = Database.transaction

    @contextmanager
    def burning_transaction(self: Database) -> Iterator[Any]:
        with transaction(self) as connection:
            fuse.burn("begun")
            yield connection
            fuse.burn("written")
        fuse.burn("committed")

    with monkeypatch.context() as patch:
        patch.setattr(Database, "transaction", burning_transaction)
        yield


def test_killed_anywhere_what_was_released_is_spent(
    tmp_path: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The noise that anybody used is the noise that is kept, and its price is kept with it."""

    def play(folder: Path, fuse: Fuse) -> None:
        draws, used = Draws(), []
        for key in (b"a", b"b", b"a", b"b"):
            try:
                with burning(fuse, monkeypatch), ledger(folder) as releases:
                    used.append((key, releases.take(key, dataset, PRIVACY, draws)))
            except KilledError:
                pass
            with ledger(folder) as releases:
                spent, known = releases.spending(dataset), {key for key, _ in used}
                assert spent.releases >= len(known)
                assert spent.rho >= sum(dict(used)[key].rho for key in known)
        for key in (b"a", b"b"):
            kept = [release for name, release in used if name == key]
            assert kept
            assert all(same(release, kept[0]) for release in kept)
        assert len(draws.drawn) <= 3, "drawn again only where the first noise was lost before anybody used it"

    whole = Fuse()
    play(tmp_path / "whole", whole)
    assert {"begun", "written", "committed"} == set(whole.burned)
    for point in range(len(whole.burned)):
        fuse = Fuse(left=point)
        play(tmp_path / str(point), fuse)
        assert fuse.fired


# ------------------------------------------------------------------ a whole Mine


def start(folder: Path, world: World, privacy: str, *, approve: str = "automatic") -> Home:
    home = Home.create(folder / "mine", MINER, SONAR)
    if not list(home.datasets):
        home.datasets.add("ward-7", write_csv(folder / "rows.csv"), SCHEMA)
    text = POLICY.replace("consent: own", ", ".join(filter(None, ["consent: own", privacy]))).replace(
        "automatic", approve
    )
    (folder / "policy.yaml").write_text(text)
    home.adopt(folder / "policy.yaml")
    return home


def step(world: World, home: Home) -> list[Action]:
    """A Mine that is started anew each time, as after a restart."""
    mine = Mine(world.sonar, world.store, home, confirmations=0, start_block=0)  # type: ignore[arg-type]
    try:
        return mine.step()
    finally:
        mine.close()


def words(actions: list[Action], kind: str) -> str:
    return " ".join(action.words for action in actions if action.kind == kind)


def gradients(world: World, campaign: bytes) -> list[list[list[int]]]:
    """What the Capsule finds in each Gradient of a Campaign."""
    found = []
    for state in world.state(campaign).gradients.values():
        sealed = world.store.get(state.record.bundle, limit=1 << 20)
        bundle = Bundle.from_bytes(unseal_anonymous(sealed, capsule_key(), limit=1 << 20))
        found.append(private_context().decrypt(wire.loads_tensor(bundle.gradient, private_context())).values.tolist())
    return found


def other_question(world: World) -> bytes:
    """Address of a spec that asks for other features of the same columns."""
    wider = {**DOSE, "constraints": {"minimum": 0, "maximum": 4}}
    schema = {"fields": [AGE, wider]}
    return world.store.put(spec(input={"description": "Patients", "schema": schema}).to_bytes())


ONCE = "privacy: {epsilon: 6, delta: 1e-6, clip: 0.8}"


def kept_release(home: Home, key: bytes) -> Release:
    with home.state().opened() as state:
        dataset = home.datasets.get("ward-7")
        return state.releases.take(key, dataset, Privacy(epsilon=6, delta=1e-6), lambda rho: pytest.fail("drawn again"))


def test_every_gradient_is_exact_on_the_one_noise(tmp_path: Path) -> None:
    """Three rounds of two Campaigns over restarts: decrypted, all are the plain map of the statistics kept."""
    world = World(tmp_path)
    home = start(tmp_path, world, ONCE)
    campaigns = [world.open_campaign(), world.open_campaign()]
    for accuracy in (1, 2, 3):
        assert words(step(world, home), "trouble") == ""
        for campaign in campaigns:
            world.score(campaign, accuracy * 10**17)

    release = kept_release(home, statistics_key(spec(), home.datasets.get("ward-7").version))
    asked = model()
    assert release.bounds == row_bounds(asked, spec().encoder(), 0.8)
    noisy = release.statistics()
    expected = asked.gradient_map(noisy).delta(asked.weights_, asked.fixed_point).values.tolist()
    for campaign in campaigns:
        assert gradients(world, campaign) == [expected] * 3

    encoder, (table, answers) = spec().encoder(), rows()
    features = asked.features_.transform(encoder.encode_inputs(np.array(table)))
    exact = asked.statistics(encoder.encode_inputs(np.array(table)), encoder.encode_targets(answers))
    clipped, _ = release.bounds.clip(features, features[:, :1])
    gap = np.abs(release.gram - clipped.T @ clipped)
    assert gap.max() > release.sigma / 2, "there is noise"
    assert gap.max() < 5 * release.sigma
    plain = asked.gradient_map(exact).delta(asked.weights_, asked.fixed_point).values.tolist()
    assert plain != expected
    assert not list((home.folder / "statistics").iterdir()), "exact statistics are not even kept"


@contextmanager
def burning_in(fuse: Fuse, monkeypatch: pytest.MonkeyPatch, *methods: tuple[type, str]) -> Iterator[None]:
    """Points to be killed at around the transactions of some methods alone; `test_kills` has those of all others."""

    def wrapped(method: Any) -> Any:
        def call(*arguments: Any) -> Any:
            with burning(fuse, monkeypatch):
                return method(*arguments)

        return call

    with monkeypatch.context() as patch:
        for owner, name in methods:
            patch.setattr(owner, name, wrapped(getattr(owner, name)))
        yield


def test_a_mine_killed_while_it_draws_or_submits_goes_on_with_the_noise_it_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def play(folder: Path, fuse: Fuse) -> None:
        folder.mkdir()
        world = World(folder)
        home, campaign = start(folder, world, ONCE), world.open_campaign()
        for _ in range(2):
            with (
                burning_in(fuse, monkeypatch, (NoisyReleases, "take"), (MineJournal, "prepare")),
                suppress(KilledError),
            ):
                step(world, home)
        release = kept_release(home, statistics_key(spec(), home.datasets.get("ward-7").version))
        asked = model()
        expected = asked.gradient_map(release.statistics()).delta(asked.weights_, asked.fixed_point).values.tolist()
        assert gradients(world, campaign) == [expected]
        with home.state().opened() as state:
            assert state.releases.spending(home.datasets.get("ward-7")) == Spending(release.rho, 1, 0)

    whole = Fuse()
    play(tmp_path / "whole", whole)
    assert len(whole.burned) >= 6
    for point in range(len(whole.burned)):
        fuse = Fuse(left=point)
        play(tmp_path / str(point), fuse)
        assert fuse.fired


def test_another_question_is_refused_when_nothing_is_left_and_says_so(tmp_path: Path) -> None:
    world = World(tmp_path)
    home = start(tmp_path, world, ONCE)
    first = world.open_campaign()
    told = words(step(world, home), "noted")
    assert "it spends of epsilon 6 at delta 1e-06: 6 in all, 0 before" in told
    second = world.open_campaign(spec=other_question(world))
    told = words(step(world, home), "noted")
    # A whole sigma is a little more than it had to be: that little is left.
    assert re.search(r"deny: dataset 'ward-7': epsilon 0\.00\d+ of 6 is left at delta 1e-06, but this needs 6", told)
    assert not world.state(second).gradients
    world.score(first, 10**17)
    assert "spends no more" in words(step(world, home), "noted")
    assert len(gradients(world, first)) == 2

    home = start(tmp_path, world, "privacy: {epsilon: 12, delta: 1e-6, releases: 2}")
    step(world, home)
    assert len(world.state(second).gradients) == 1, "with a larger budget"


def test_epsilon_and_delta_are_shown_before_a_miner_approves(tmp_path: Path) -> None:
    world = World(tmp_path)
    home = start(tmp_path, world, "privacy: {epsilon: 6, delta: 1e-6, releases: 2}", approve="by-hand")
    campaign = world.open_campaign()
    told = words(step(world, home), "noted")
    with home.state().opened() as state:
        (note,) = state.notes()
        assert note.verdict is PolicyVerdict.ASK
        assert note.reason in told
        half = Privacy(epsilon=6, delta=1e-6, releases=2)
        asked = half.budget.epsilon_of(half.price)
        assert f"it spends of epsilon 6 at delta 1e-06: {asked:.3g} in all, 0 before" in note.reason
        assert state.releases.spending(home.datasets.get("ward-7")) == Spending(), "nothing is spent by asking"
        state.approve(campaign, "ward-7")
    assert "submitted" in {action.kind for action in step(world, home)}


def test_the_status_says_what_is_spent_and_left(tmp_path: Path) -> None:
    world = World(tmp_path)
    home = start(tmp_path, world, "privacy: {epsilon: 6, delta: 1e-6, releases: 2}")

    def privacy() -> Any:
        with home.state().opened() as state:
            (view,) = view_datasets(home.datasets, home.policy(), state.releases)
        return view.privacy

    before = privacy()
    assert (before.epsilon, before.delta, before.spent, before.releases) == (6, 1e-6, 0, 0)
    assert before.left == pytest.approx(6)
    world.open_campaign()
    step(world, home)
    after = privacy()
    assert after.releases == 1
    assert 0 < after.spent == pytest.approx(after.left, rel=1e-3)
    assert math.isfinite(after.spent)
    assert json.dumps(after.spent)


def test_a_delta_that_protects_nobody_is_refused(tmp_path: Path) -> None:
    (tmp_path / "many.csv").write_text("age,dose,ill\n" + "1,1,true\n" * 1000)
    home = Home.create(tmp_path / "mine", MINER, SONAR)
    home.datasets.add("ward-7", tmp_path / "many.csv", SCHEMA)
    with pytest.raises(PolicyError, match=r"ward-7\.privacy\.delta: 0\.001 may disclose one of 1000 rows"):
        start(tmp_path, World(tmp_path), "privacy: {epsilon: 1, delta: 1e-3}")
    assert not home.policy().allow, "the former policy stays"
    start(tmp_path, World(tmp_path), "privacy: {epsilon: 1, delta: 9e-4}")
    assert home.policy().privacy("ward-7")


def test_a_promise_cannot_be_made_after_the_fact(tmp_path: Path) -> None:
    """Exact Gradients left: a budget given now is refused; one that waits to leave is withheld."""
    world = World(tmp_path)
    home = start(tmp_path, world, "")
    first = world.open_campaign()
    mine = Mine(world.sonar, world.store, home, confirmations=1, start_block=0)  # type: ignore[arg-type]
    world.wait(0)
    assert "submitted" in {action.kind for action in mine.step()}, "on chain, and not published before it is confirmed"
    mine.close()
    bundle = world.state(first).gradients[0].record.bundle
    assert not world.store.has(bundle)

    home = start(tmp_path, world, ONCE)
    world.open_campaign()
    world.wait(0)
    told = words(step(world, home), "noted")
    assert "withheld: dataset 'ward-7': 1 Gradients were made from its exact statistics" in told
    assert "deny: dataset 'ward-7': 1 Gradients were made from its exact statistics" in told
    assert not world.store.has(bundle)
    with home.state().opened() as state:
        (view,) = view_datasets(home.datasets, home.policy(), state.releases)
    assert view.privacy is not None
    assert (view.privacy.spent, view.privacy.left) == (None, 0)


def test_a_paid_release_leaves_though_its_dataset_is_replaced_meanwhile(tmp_path: Path) -> None:
    world = World(tmp_path)
    home = start(tmp_path, world, ONCE)
    campaign = world.open_campaign()
    world.wait(0)
    mine = Mine(world.sonar, world.store, home, confirmations=1, start_block=0)  # type: ignore[arg-type]
    assert "submitted" in {action.kind for action in mine.step()}
    (tmp_path / "other.csv").write_text("age,dose,ill\n1,1,true\n2,1,false\n")
    home.datasets.add("ward-7", tmp_path / "other.csv", SCHEMA, replace=True)
    world.wait(0)
    assert "published" in {action.kind for action in mine.step()}
    mine.close()
    assert len(gradients(world, campaign)) == 1
