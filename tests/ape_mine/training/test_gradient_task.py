"""Task and builder: the Gradient is that of plain integers, exactly; and nothing of a row is in what leaves."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn.linear_model import Ridge

from ape_mine.datasets.dataset import Dataset
from ape_mine.datasets.store import DatasetStore
from ape_mine.errors import CampaignUnusableError
from ape_mine.home.home import Home
from ape_mine.home.state import MineJournal
from ape_mine.loop import Mine
from ape_mine.policy.document import Privacy
from ape_mine.policy.schema_matching import Match, match
from ape_mine.training.gradient_builder import GradientBuilder
from ape_mine.training.gradient_task import FOLDS, LocalResult, gradient, local_statistics, rows_at_once, statistics_key
from ape_mine.training.noisy_releases import NoisyReleases
from ape_mine.training.statistics_cache import StatisticsCache
from sonar_core.base.errors import FormatError
from sonar_core.crypto.sealed_messages import unseal_anonymous
from sonar_core.data.row_errors import RowError
from sonar_core.data.table_schema import TableSchema
from sonar_core.protocol.commitments import tensor_root
from sonar_core.protocol.gradient_bundle import Bundle
from syft import wire
from syft.errors import SyftError
from syft.nn import MU_GRID, LinearRegression, LocalStatistics, MultiLabelClassifier
from syft.paillier import EncryptedTensor, PublicContext
from tests.world.mine import (
    AGE,
    CAPSULE,
    CHAIN_ID,
    DOSE,
    ILL,
    MINER,
    POLICY,
    SONAR,
    World,
    capsule_key,
    encrypted_model,
    model,
    private_context,
    rows,
    spec,
    write_csv,
)

TIRED = {"name": "tired", "type": "boolean"}
SCHEMA = TableSchema.parse({"fields": [AGE, DOSE, ILL]})
MATCH = match(spec().input.table, spec().output.table, SCHEMA)
assert isinstance(MATCH, Match)
WHOSE = {"chain_id": CHAIN_ID, "contract": SONAR, "miner": MINER}


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return DatasetStore(tmp_path / "datasets").add("ward-7", write_csv(tmp_path / "rows.csv"), SCHEMA)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def cache(tmp_path: Path) -> StatisticsCache:
    return StatisticsCache(tmp_path / "statistics")


@pytest.fixture
def releases(tmp_path: Path) -> Iterator[NoisyReleases]:
    with MineJournal(tmp_path / "state.sqlite").opened() as state:
        yield state.releases


@pytest.fixture
def builder(world: World, cache: StatisticsCache, releases: NoisyReleases) -> GradientBuilder:
    return GradientBuilder(world.store, cache, releases)


def plain_statistics() -> tuple[list[list[int]], list[list[int]], int]:
    """Gram matrix and cross products by the formats' words alone: fractions and loops, none of syft or rows.py."""
    table, answers = rows()
    gram, cross = [[0] * 3 for _ in range(3)], [[0] * 2 for _ in range(3)]
    for (age, dose), ill in zip(table, answers, strict=True):
        scaled = [Fraction(float(age)) / 128 * 1024, Fraction(float(dose)) / 2 * 1024]
        features = [*(floor(one + Fraction(1, 2)) for one in scaled), 1024]
        targets = [(1024 if ill == (place == 1) else 0) - 512 for place in range(2)]
        for i in range(3):
            for j in range(3):
                gram[i][j] += features[i] * features[j]
            for j in range(2):
                cross[i][j] += features[i] * targets[j]
    return gram, cross, len(table)


def local(dataset: Dataset, size: int = 1000) -> LocalStatistics:
    frames = dataset.frames([*MATCH.columns, *MATCH.outputs], rows_at_once=size)
    return local_statistics(model(), spec().encoder(), MATCH, frames).statistics


# ------------------------------------------------------------------ the pure task


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_statistics_are_those_of_plain_integers_however_rows_are_chunked(dataset: Dataset, size: int) -> None:
    gram, cross, count = plain_statistics()
    found = local(dataset, size)
    assert found.rows == count
    assert found.gram.astype(object).tolist() == gram
    assert found.cross.astype(object).tolist() == cross


@pytest.mark.parametrize(
    ("kind", "fields", "targets"),
    [
        (MultiLabelClassifier, [ILL, TIRED], lambda ill, tired: [ill * 1024 - 512, tired * 1024 - 512]),
        (LinearRegression, [AGE, DOSE], None),
    ],
)
def test_statistics_of_several_outputs(kind: Any, fields: list[Any], targets: Any) -> None:
    output = {"description": "", "schema": {"fields": fields}}
    whole = kind(inputs=2, outputs=2)
    asked = spec(output=output, model=whole.to_spec()[0], metric=whole.metric)
    frame = pd.DataFrame({"tired": [True, False], "dose": [2.0, 1.0], "ill": [False, True], "age": [64, 128]})
    found = match(asked.input.table, asked.output.table, TableSchema.parse({"fields": [TIRED, DOSE, ILL, AGE]}))
    assert isinstance(found, Match)
    assert found.outputs == tuple(field["name"] for field in fields)
    parts = [frame[:1], frame[1:]]
    statistics = local_statistics(asked.model({}), asked.encoder(), found, parts).statistics
    features = [[512, 1024, 1024], [1024, 512, 1024]]
    wanted = [row[:2] for row in features] if targets is None else [targets(0, 1), targets(1, 0)]
    cross = [
        [sum(row[i] * answer[j] for row, answer in zip(features, wanted, strict=True)) for j in range(2)]
        for i in range(3)
    ]
    assert statistics.cross.tolist() == cross


def test_the_gradient_is_that_of_plain_integers_exactly(dataset: Dataset) -> None:
    """The same map, computed here with numpy's solver and applied with Python's integers."""
    gram, cross, count = plain_statistics()
    mu, bits, weights = 0.05, 8, model().weights_
    scale = count * 1024.0**2
    g, c = np.array(gram, dtype=float) / scale, np.array(cross, dtype=float) / scale
    inverse = np.linalg.inv(g + mu * np.eye(3))
    matrix = np.rint((mu * inverse - np.eye(3)) * 2**bits).astype(int).tolist()
    offset = inverse @ c
    expected = [
        [
            sum(matrix[i][j] * int(weights.values[j, k]) for j in range(3))
            + floor(Fraction(float(offset[i, k])) * 2 ** (weights.exponent + bits) + Fraction(1, 2))
            for k in range(2)
        ]
        for i in range(3)
    ]

    found = gradient(model(), local(dataset), encrypted_model())

    opened = private_context().decrypt(found)
    assert opened.exponent == weights.exponent + bits
    difference = np.array(opened.values.tolist(), dtype=float) - np.array(expected, dtype=float)
    assert np.abs(difference).max() <= 1, "two solvers of the same equations agree to the last digit"
    assert np.abs(np.array(expected, dtype=float)).max() > 2**20
    plain = model().gradient_map(local(dataset)).delta(weights, model().fixed_point)
    assert opened.values.tolist() == plain.values.tolist()


def test_every_gradient_is_randomised_anew(dataset: Dataset) -> None:
    statistics = local(dataset)
    first, second = (gradient(model(), statistics, encrypted_model()) for _ in range(2))
    assert not set(first.ciphertexts) & set(second.ciphertexts)
    bare = model().gradient_map(statistics).matrix @ encrypted_model()
    for ciphertext, product in zip(first.ciphertexts, bare.ciphertexts, strict=True):
        # (1 + n)^m modulo n is 1: what is not the product modulo n is under other randomness.
        assert (ciphertext - product) % first.context.n, "a result as it is computed can be searched for"


def test_exponent_and_bound_tell_nothing_of_the_rows(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("age,dose,ill\n1,2,true\n3,0.5,false\n")
    other = DatasetStore(tmp_path / "datasets").add("other", tmp_path / "other.csv", SCHEMA)
    one, two = (gradient(model(), local(data), encrypted_model()) for data in (dataset, other))
    assert (one.exponent, one.bound, one.packing, one.shape) == (two.exponent, two.bound, two.packing, two.shape)


def test_a_head_of_another_shape_is_refused(dataset: Dataset) -> None:
    weights = encrypted_model()
    short = EncryptedTensor(
        weights.context, weights.ciphertexts[:-1], (2, 2), weights.packing, weights.exponent, weights.bound
    )
    with pytest.raises(CampaignUnusableError, match=r"\(2, 2\)"):
        gradient(model(), local(dataset), short)


def test_chunks_shrink_as_features_grow() -> None:
    small = rows_at_once(model())
    assert small * 3 <= 1 << 22
    assert small > 100_000


def test_statistics_are_named_by_rows_and_question() -> None:
    key = statistics_key(spec(), bytes(32))
    assert key == statistics_key(spec(description="Another text", key_bits=3072), bytes(32))
    architecture, _ = model().to_spec()
    mu = {**architecture, "parameters": {**architecture["parameters"], "mu": 9.0}}
    assert key == statistics_key(spec(model=mu), bytes(32))
    wider = {"description": "", "schema": {"fields": [{**AGE, "constraints": {"minimum": 0, "maximum": 127}}, DOSE]}}
    assert key != statistics_key(spec(), b"\1" * 32)
    assert key == statistics_key(spec(), bytes(32), Match(("age", "dose"), ("ill",)))
    others = [Match(("age", "other"), ("ill",)), Match(("other", "dose"), ("ill",)), Match(("age", "dose"), ("sick",))]
    assert len({key, *(statistics_key(spec(), bytes(32), other) for other in others)}) == 4
    assert key != statistics_key(spec(input=wider), bytes(32))
    weighted = {**architecture, "parameters": {**architecture["parameters"], "class_weight": [1024, 2048]}}
    assert key != statistics_key(spec(model=weighted), bytes(32))
    assert key != statistics_key(spec(model={**architecture, "features": []}), bytes(32))


# ------------------------------------------------------------------ how much a Mine trusts its own rows


def by_chance(count: int = 60) -> list[pd.DataFrame]:
    """Rows whose answers have nothing to do with them, in two chunks."""
    table, answers = rows(count)
    shuffled = np.random.default_rng(5).permutation(answers)
    frame = pd.DataFrame({"age": [a for a, _ in table], "dose": [d for _, d in table], "ill": shuffled})
    return [frame[: count // 2], frame[count // 2 :]]


def own(frames: Iterable[pd.DataFrame], seed: bytes = b"\x07" * 32) -> LocalResult:
    return local_statistics(model(), spec().encoder(), MATCH, frames, seed=seed)


def test_mu_is_chosen_by_parts_of_the_rows_that_the_dataset_draws() -> None:
    """Held against scikit-learn's ridge on the same parts, row by row."""
    found = own(by_chance())
    features, targets = [], []
    for frame in by_chance():
        part, answers = spec().encoder().encode_inputs(frame[["age", "dose"]]), frame["ill"].to_numpy(dtype=bool)
        features.append(np.column_stack([part, np.full(len(part), 1024)]) / 1024)
        targets.append(np.column_stack([~answers, answers]) - 0.5)
    source = np.random.default_rng(int.from_bytes(b"\x07" * 32, "big"))
    places = np.concatenate([source.integers(FOLDS, size=len(part)) for part in features])
    phi, y = np.concatenate(features), np.concatenate(targets)
    errors = []
    for mu in MU_GRID:
        total = 0.0
        for fold in range(FOLDS):
            seen, out = places != fold, places == fold
            ridge = Ridge(alpha=mu * seen.sum(), fit_intercept=False).fit(phi[seen], y[seen])
            total += float(np.square(ridge.predict(phi[out]) - y[out]).sum())
        errors.append(total)
    assert found.mu == MU_GRID[int(np.argmin(errors))]
    gram = np.rint(phi * 1024).astype(np.int64)
    assert (found.statistics.gram == gram.T @ gram).all()
    assert (found.statistics.cross == gram.T @ (y * 1024).astype(np.int64)).all()


def test_the_campaigns_mu_is_the_least(dataset: Dataset) -> None:
    cautious, sure = own(by_chance()), own(dataset.frames([*MATCH.columns, *MATCH.outputs]))
    assert sure.mu is not None
    assert cautious.mu is not None
    assert sure.mu < model().mu < cautious.mu
    for known, mu in ((cautious, cautious.mu), (sure, model().mu)):
        found = gradient(model(), known.statistics, encrypted_model(), known.mu)
        plain = model().gradient_map(known.statistics, mu).delta(model().weights_, model().fixed_point)
        assert private_context().decrypt(found).values.tolist() == plain.values.tolist()


def test_few_rows_and_many_features_choose_no_mu(monkeypatch: pytest.MonkeyPatch) -> None:
    assert own(by_chance(20)).mu is None
    assert own(by_chance()).mu is not None
    monkeypatch.setattr("ape_mine.training.gradient_task.MOST_VALIDATED", 2)
    few = own(by_chance())
    assert few.mu is None
    assert few.statistics.rows == 60


def test_a_mu_is_kept_with_its_statistics(cache: StatisticsCache) -> None:
    known = own(by_chance())
    for mu in (known.mu, None):
        cache.put(bytes(32), LocalResult(known.statistics, mu))
        again = cache.get(bytes(32))
        assert again is not None
        assert again.mu == mu
        assert (again.statistics.gram == known.statistics.gram).all()


def test_the_builder_trains_with_it_if_told_but_not_under_a_privacy_budget(
    world: World, builder: GradientBuilder, tmp_path: Path
) -> None:
    whole = pd.concat(by_chance())
    whole.to_csv(tmp_path / "chance.csv", index=False)
    dataset = DatasetStore(tmp_path / "datasets").add("chance", tmp_path / "chance.csv", SCHEMA)
    known = own([whole], seed=dataset.version)
    given: list[float | None] = []

    def watched(*arguments: Any) -> EncryptedTensor:
        given.append(arguments[3] if len(arguments) > 3 else None)
        return gradient(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ape_mine.training.gradient_builder.gradient", watched)
        campaign = world.state(world.open_campaign())
        for privacy, own_mu in ((None, False), (None, True), (None, False), (Privacy(epsilon=8.0, delta=1e-6), True)):
            builder.train(campaign, dataset, MATCH, privacy, own_mu=own_mu)
        for trained in (
            replace(campaign, models=(replace(campaign.model, version=1),)),
            replace(campaign, terms=replace(campaign.terms, parent=bytes(31) + b"\x01")),
        ):
            builder.train(trained, dataset, MATCH, None, own_mu=True)
    assert known.mu is not None
    assert given == [None, known.mu, None, None, None, None]


# ------------------------------------------------------------------ the cache


def test_what_was_computed_once_is_not_computed_again(
    world: World, builder: GradientBuilder, dataset: Dataset, cache: StatisticsCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = world.state(world.open_campaign())
    first = builder.train(campaign, dataset, MATCH, None)
    dataset.path.unlink()

    again = GradientBuilder(world.store, cache, releases).train(campaign, dataset, MATCH, None)

    assert private_context().decrypt(again).values.tolist() == private_context().decrypt(first).values.tolist()


@pytest.mark.parametrize("damage", [b"", b"\0" * 40, None])
def test_damaged_statistics_are_computed_again(
    world: World, builder: GradientBuilder, dataset: Dataset, tmp_path: Path, damage: bytes | None
) -> None:
    campaign = world.state(world.open_campaign())
    builder.train(campaign, dataset, MATCH, None)
    (kept,) = (tmp_path / "statistics").iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(whole[:-3] if damage is None else damage)

    builder.train(campaign, dataset, MATCH, None)

    assert kept.read_bytes() == whole
    assert kept.stat().st_mode & 0o077 == 0


# ------------------------------------------------------------------ the builder


def test_the_sealed_bundle_is_the_miners_for_this_campaign_and_chain(
    world: World, builder: GradientBuilder, dataset: Dataset
) -> None:
    campaign = world.state(world.open_campaign())

    made = builder.build(campaign, dataset, MATCH, None, **WHOSE)

    bundle = Bundle.from_bytes(unseal_anonymous(made.sealed, capsule_key(), limit=1 << 20))
    assert (bundle.chain_id, bundle.contract, bundle.campaign) == (CHAIN_ID, SONAR, campaign.id)
    assert (bundle.miner, bundle.version, made.version) == (MINER, 0, 0)
    tensor = wire.loads_tensor(bundle.gradient, private_context())
    assert made.commitment == bundle.commitment(tensor_root(tensor))
    plain = model().gradient_map(local(dataset)).delta(model().weights_, model().fixed_point)
    assert private_context().decrypt(tensor).values.tolist() == plain.values.tolist()


def test_the_mine_trusts_no_published_randomiser(world: World, builder: GradientBuilder, dataset: Dataset) -> None:
    """With h = n - 1 a published randomiser would add a sign at most, and the Gradient could be searched for."""
    campaign = world.open_campaign()
    published: list[int] = []
    made = PublicContext.__init__

    def watching(self: PublicContext, public_key: Any, h: int | None = None, **how: Any) -> None:
        made(self, public_key, h, **how)
        published.append(int(self.h))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PublicContext, "__init__", watching)
        found = builder.train(world.state(campaign), dataset, MATCH, None)

    assert int(private_context().h) in published, "it was read, and checked against its root"
    assert int(found.context.h) != int(private_context().h)  # type: ignore[attr-defined]


def test_blobs_that_are_not_what_the_chain_says_are_refused(
    world: World, builder: GradientBuilder, dataset: Dataset
) -> None:
    state = world.state(world.open_campaign())
    assert state.start is not None
    other_key = replace(state, start=replace(state.start, public_key_root=bytes(32)))
    other_model = replace(state, models=(replace(state.model, root=bytes(32)),))
    no_tensor = replace(state, models=(replace(state.model, address=world.store.put(b"x" * 99)),))
    no_ring = replace(state, certificates=world.store.put(b"nobody"))
    for wrong, error in ((other_key, FormatError), (other_model, FormatError), (no_tensor, SyftError)):
        with pytest.raises(error):
            GradientBuilder(world.store, StatisticsCache(world.folder / "s"), releases).build(
                wrong, dataset, MATCH, None, **WHOSE
            )
    with pytest.raises(ValueError, match="OpenPGP"):
        builder.build(no_ring, dataset, MATCH, None, **WHOSE)


def test_a_model_larger_than_the_miner_allows_is_not_trained(world: World, dataset: Dataset) -> None:
    campaign = world.state(world.open_campaign())
    small = GradientBuilder(world.store, StatisticsCache(world.folder / "s"), releases, most_features=2)
    with pytest.raises(CampaignUnusableError, match="3 features, but --most-features allows 2"):
        small.train(campaign, dataset, MATCH, None)


def test_an_error_about_rows_shows_no_value(world: World, builder: GradientBuilder, dataset: Dataset) -> None:
    """Should a stored row not be what its schema says, the cell stays out of logs."""
    table = pq.read_table(dataset.path).to_pandas()
    table.loc[1, "age"] = np.nan
    table["age"] = table["age"].astype(object).where(table.index != 1, "4711-secret")
    table = table.astype({"age": str})
    table.to_parquet(dataset.path)
    campaign = world.state(world.open_campaign())
    with pytest.raises(CampaignUnusableError) as caught:
        builder.train(campaign, dataset, MATCH, None)
    assert "row 2, column 'age'" in str(caught.value)
    assert "4711" not in str(caught.value)
    assert not isinstance(caught.value, RowError)
    assert caught.value.__suppress_context__


def test_nothing_of_a_row_is_in_what_leaves_nor_in_the_journal(world: World, tmp_path: Path) -> None:
    """Every blob, every event and the state file, searched for values as text and as numbers of any usual width."""
    home = Home.create(tmp_path / "mine", MINER, SONAR)
    home.datasets.add("ward-7", write_csv(tmp_path / "rows.csv"), SCHEMA)
    (tmp_path / "policy.yaml").write_text(POLICY)
    home.adopt(tmp_path / "policy.yaml")
    world.open_campaign()
    before = {path.name for path in (tmp_path / "blobs").iterdir()}
    mine = Mine(world.sonar, world.store, home, confirmations=0, start_block=0)  # type: ignore[arg-type]
    told = " ".join(action.words for action in mine.step())
    mine.close()

    leaving = [path.read_bytes() for path in (tmp_path / "blobs").iterdir() if path.name not in before]
    assert len(leaving) == 1
    opened = unseal_anonymous(leaving[0], capsule_key(), limit=1 << 20)
    events = repr(world.sonar.events(0, 99)).encode()
    state = b"".join(path.read_bytes() for path in home.folder.glob("state.sqlite*"))
    public = [*leaving, opened, events, told.encode(), state]
    for value in (number for row in rows()[0] for number in row):
        encoded = round(value / (128 if value > 2 else 2) * 1024)
        for needle in (
            str(value).encode(),
            struct.pack("<d", value),
            struct.pack(">d", value),
            struct.pack("<q", encoded) * 2,
        ):
            assert not any(needle in blob for blob in public)
    assert CAPSULE.encode() in state, "the search finds what is there"
