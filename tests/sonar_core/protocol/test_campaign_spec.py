from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sonar_core.protocol
from ape_sonar.campaign_builder import Frozen, fit_to_schemas, propose_for, weigh_classes, write_spec
from sonar_core.base.canonical_json import to_canonical
from sonar_core.base.errors import FormatError, SpecError, UsageError
from sonar_core.crypto.certificates import Key
from sonar_core.data.row_encoder import RowEncoder
from sonar_core.protocol.campaign_spec import CampaignSpec, spec_schema
from sonar_core.protocol.commitments import public_key_root, tensor_root
from sonar_core.protocol.content_address import to_cid
from sonar_core.store import BlobCorruptError, BlobTooLargeError
from sonar_core.store.artifacts import (
    RootMismatchError,
    read_frozen,
    read_initial,
    read_public_key,
    read_spec,
    read_tensor,
)
from sonar_core.store.embedded import EmbeddedStore
from syft import LinearClassifier, LinearRegression, RandomFeatureClassifier, RandomFeatureRegressor, wire
from syft.nn import Model, MultiLabelClassifier, RandomFeatureMultiLabelClassifier, Standardise
from syft.paillier import PublicContext, generate_paillier_keypair

INPUT = {"fields": [{"name": "dose", "type": "number", "constraints": {"minimum": 0, "maximum": 8}}]}
OUTPUT = {"fields": [{"name": "ill", "type": "boolean"}]}
NUMBER = {"fields": [{"name": "days", "type": "number", "constraints": {"minimum": 0, "maximum": 30}}]}
NUMBERS = {"fields": [*NUMBER["fields"], *INPUT["fields"]]}
SIGNS = {"fields": [*OUTPUT["fields"], {"name": "tired", "type": "boolean"}]}
CERTIFICATE = Key.generate("Data Scientist").certificate.armoured()
MODEL = RandomFeatureClassifier(4, inputs=1, outputs=2)


def document(model: Model = MODEL, output: Any = OUTPUT, **changes: Any) -> dict[str, Any]:
    frozen = Frozen.of(model).data
    spec = write_spec(
        model,
        description="Who falls ill",
        input_description="",
        output_description="",
        input_schema=INPUT,
        output_schema=output,
        frozen_cid=to_cid(b"\x07" * 32) if frozen else None,
        initial={"kind": "zeros"},
        key_bits=2048,
        certificate=CERTIFICATE,
    )
    return {**json.loads(spec.to_bytes()), **changes}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The document with one part replaced, or removed where the value is `...`."""
    whole = copy.deepcopy(document())
    *folders, name = path.split(".")
    part: Any = whole
    for folder in folders:
        part = part[int(folder)] if isinstance(part, list) else part[folder]
    if value is ...:
        del part[name]
    else:
        part[name] = value
    return whole


def test_a_spec_has_one_encoding() -> None:
    data = to_canonical(document())
    spec = CampaignSpec.from_bytes(data)
    assert spec.to_bytes() == data
    assert CampaignSpec.from_bytes(spec.to_bytes()) == spec
    assert spec.fixed_point == MODEL.fixed_point
    assert spec.encoder().columns == ("dose",)


@settings(deadline=None)
@given(st.text(max_size=40), st.integers(0, 2**53 - 1), st.sampled_from([2048, 3072, 8192]))
def test_round_trip(description: str, seed: int, bits: int) -> None:
    whole = document(description=description, initial={"kind": "seeded", "seed": seed}, key_bits=bits)
    spec = CampaignSpec.parse(whole)
    assert json.loads(spec.to_bytes()) == whole
    assert CampaignSpec.from_bytes(spec.to_bytes()) == spec


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        ("format", "sonar-campaign/2", "format"),
        ("metric", "auc", "metric"),
        ("metric", "r2", "classes"),
        ("key_bits", 1024, "key_bits"),
        ("key_bits", "2048", "key_bits"),
        ("key_bits", 2049, "key_bits"),
        ("certificate", "trust me", "certificate"),
        ("certificate", "-----BEGIN PGP PUBLIC KEY BLOCK-----" + "x" * 70_000, "certificate"),
        ("initial", {"kind": "random"}, "initial"),
        ("initial", {"kind": "seeded"}, "initial.seeded.seed"),
        ("initial", {"kind": "seeded", "seed": -1}, "seed"),
        ("initial", {"kind": "zeros", "seed": 1}, "initial"),
        ("initial", {"kind": "address", "address": "Qm" + "1" * 44}, "address"),
        ("frozen", {"features": "../secrets"}, "frozen.features"),
        ("frozen", {"../x": to_cid(bytes(32))}, "frozen"),
        ("model.class", "Pickle", "unknown Model 'Pickle'"),
        ("model.class", "__import__", "model.class"),
        ("model.class", "LinearRegression", "classes"),
        ("model.parameters.inputs", 3, "inputs must be 1"),
        ("model.parameters.outputs", 3, "outputs must be 2"),
        ("model.parameters.mu", "1", "mu"),
        ("model.parameters.mu", 0, "mu"),
        ("model.parameters.eval", 1, "parameters"),
        ("model.parameters.class_weight", [1024], "class_weight must be 2 integers"),
        ("model.parameters.class_weight", [1024, 0], "class_weight must be 2 integers"),
        ("model.parameters.class_weight", [1024, 1.5], "class_weight"),
        ("model.parameters.class_weight", [1] * 1025, "class_weight"),
        ("model.parameters.class_weight", {"0": 1}, "class_weight"),
        ("model.parameters.class_weight", "balanced", "class_weight must be a sequence"),
        ("model.features", [{"step": "eval"}], "unknown layer 'eval'"),
        ("model.features", [{"step": {"a": 1}}], "features"),
        ("model.features", [{}], "layer"),
        ("model.features", [{"step": "bias"}] * 17, "features"),
        ("model.features", "bias", "features"),
        ("fixed_point.weight_exponent", 0, "weight_exponent"),
        ("fixed_point.weight_bound", 2**40, "weight_bound"),
        ("fixed_point.gradient_bits", 8.5, "gradient_bits"),
        ("input.schema", {"fields": []}, "input.schema.fields"),
        ("output.schema", INPUT | {"primaryKey": "x"}, "primaryKey"),
        ("output.schema", {"fields": [*OUTPUT["fields"], *INPUT["fields"]]}, "all numbers, or all booleans"),
        ("output.schema", SIGNS, "outputs must be 2|several labels"),
        ("output.schema", NUMBERS, "several"),
        ("metric", "hamming", "classes"),
        ("model.class", "MultiLabelClassifier", "classes"),
        ("description", ..., "description"),
        ("certificate", ..., "certificate"),
        ("notes", "hello", "notes"),
    ],
)
def test_specs_that_nobody_can_train(path: str, value: Any, why: str) -> None:
    with pytest.raises(SpecError, match=why) as caught:
        CampaignSpec.from_bytes(to_canonical(changed(path, value)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        json.dumps(document()).encode(),
        to_canonical(document()) + b"\n",
        to_canonical(document(description="x" * 2_000_000)),
        b"[" * 100_000,
        b'{"format":"sonar-campaign/1"}',
        b"\x80\x04K\x01.",
    ],
    ids=["empty", "object", "list", "spaced", "newline", "huge", "nested", "partial", "pickle"],
)
def test_bytes_that_are_no_spec(data: bytes) -> None:
    with pytest.raises(SpecError):
        CampaignSpec.from_bytes(data)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_junk_is_refused(data: bytes) -> None:
    with pytest.raises(SpecError):
        CampaignSpec.from_bytes(data)


def test_a_model_comes_back_as_it_was_described() -> None:
    frozen = MODEL.to_spec()[1]
    model = CampaignSpec.parse(document()).initial_model(frozen)
    rows = np.array([[0], [512], [1024]], np.int64)
    ours = MODEL.with_initial_weights()
    np.testing.assert_array_equal(model.predictions(rows), ours.predictions(rows))
    np.testing.assert_array_equal(model.features_.transform(rows), MODEL.features_.transform(rows))


def test_frozen_tensors_that_do_not_fit() -> None:
    frozen = MODEL.to_spec()[1]
    spec = CampaignSpec.parse(document())
    with pytest.raises(SpecError, match="no frozen tensor"):
        spec.model({})
    with pytest.raises(SpecError):
        spec.model({name: tensor[:1] for name, tensor in frozen.items()})


def test_initial_weights_are_checked() -> None:
    model = LinearClassifier(inputs=1, outputs=2)
    address = {"kind": "address", "address": to_cid(b"\x01" * 32)}
    spec = CampaignSpec.parse(document(model, initial=address))
    weights = np.array([[1, -2], [3, 4]], np.int64)
    assert spec.initial_model({}, weights).weights_.values.tolist() == weights.tolist()
    bound = spec.fixed_point.scaled_weight_bound(spec.fixed_point.weight_exponent)
    for wrong in (None, weights[:1], weights.astype(np.float64), np.full((2, 2), bound + 1)):
        with pytest.raises(SpecError):
            spec.initial_model({}, wrong)


def test_a_seed_gives_the_same_weights_twice() -> None:
    model = LinearClassifier(inputs=1, outputs=2)
    spec = CampaignSpec.parse(document(model, initial={"kind": "seeded", "seed": 7}))
    first, again = spec.initial_model({}).weights_.values, spec.initial_model({}).weights_.values
    assert first.tolist() == again.tolist()
    assert any(first.flat)


def test_numbers_are_scored_by_r2() -> None:
    model = RandomFeatureRegressor(4, inputs=1, outputs=1)
    assert CampaignSpec.parse(document(model, NUMBER)).metric == "r2"
    with pytest.raises(SpecError, match="a number"):
        CampaignSpec.parse(document(model, NUMBER, metric="accuracy"))


@pytest.mark.parametrize(
    ("kind", "output", "metric"),
    [
        (LinearRegression, NUMBERS, "r2"),
        (RandomFeatureRegressor, NUMBERS, "r2"),
        (MultiLabelClassifier, SIGNS, "hamming"),
        (RandomFeatureMultiLabelClassifier, SIGNS, "hamming"),
    ],
)
def test_models_of_several_outputs(kind: Any, output: Any, metric: str) -> None:
    model = fit_to_schemas(kind(), RowEncoder(INPUT, output))
    spec = CampaignSpec.from_bytes(to_canonical(document(model, output)))
    assert spec.metric == metric
    assert json.loads(spec.to_bytes()) == document(model, output)
    again = spec.model(model.to_spec()[1])
    assert (type(again), again.shape) == (kind, model.shape)
    with pytest.raises(SpecError, match="outputs must be 2"):
        document(kind(inputs=1, outputs=1), output)
    for other in (SIGNS, NUMBERS):
        if other is not output:
            with pytest.raises(SpecError, match="those of"):
                document(model, other)


@pytest.mark.parametrize(
    ("class_weight", "stated"),
    [
        ("balanced", [2048, 683]),
        ({True: 3}, [1024, 3072]),
    ],
)
def test_class_weights_are_stated_in_the_spec(class_weight: Any, stated: list[int]) -> None:
    encoder = RowEncoder(INPUT, OUTPUT)
    model = fit_to_schemas(LinearClassifier(class_weight=class_weight), encoder)
    targets = np.array([[0], [1], [1], [1]])
    whole = document(weigh_classes(model, encoder, targets))
    assert whole["model"]["parameters"]["class_weight"] == stated
    spec = CampaignSpec.from_bytes(to_canonical(whole))
    _, weighted = spec.model({}).training_rows(np.zeros((4, 1), dtype=np.int64), targets)
    roots = [math.isqrt(weight << 10) for weight in stated]
    assert weighted[:2, 0].tolist() == [roots[0] // 2, -(roots[1] // 2)]


def test_images_and_public_constants() -> None:
    pixel = {"type": "integer", "constraints": {"minimum": 0, "maximum": 255}}
    images = {"fields": [{"name": f"pixel {place}", **pixel} for place in range(64)]}
    encoder, constants = RowEncoder(images, OUTPUT), Standardise.of_ranges(64)
    asked = RandomFeatureClassifier(18, layer="convolution", image=(8, 8, 1), standardise=constants)
    model = fit_to_schemas(asked, encoder)
    architecture, tensors = model.to_spec()
    whole = {**document(), "input": {"description": "", "schema": images}, "model": architecture}
    spec = CampaignSpec.from_bytes(to_canonical(whole))
    again = spec.model(tensors)
    assert [layer.name for layer in again.features_.layers] == ["standardise", "convolution", "bias"]
    rows = encoder.encode_inputs(np.random.default_rng(0).integers(0, 256, (5, 64)))
    assert np.array_equal(again.features_.transform(rows), model.features_.transform(rows))
    for name, value, why in (
        ("pooling", 7, "pooled"),
        ("height", 9, "72 columns|9 x 8"),
        ("side", 1.5, "side must be"),
        ("channels", "1", "channels must be"),
    ):
        step = {**architecture["features"][1], name: value}
        wrong = {**architecture, "features": [architecture["features"][0], step, architecture["features"][2]]}
        with pytest.raises(SpecError, match=why):
            CampaignSpec.parse({**whole, "model": wrong}).model(tensors)


@pytest.mark.parametrize(
    ("output", "rows", "kind"),
    [
        (OUTPUT, 20, LinearClassifier),
        (OUTPUT, 2000, RandomFeatureClassifier),
        (NUMBERS, 2000, RandomFeatureRegressor),
        (SIGNS, 20, MultiLabelClassifier),
    ],
)
def test_what_is_proposed_can_be_specified(output: Any, rows: int, kind: Any) -> None:
    encoder = RowEncoder(INPUT, output)
    model = propose_for(encoder, rows)
    assert type(model) is kind
    assert CampaignSpec.parse(document(model, output)).model(model.to_spec()[1]).shape == model.shape
    assert fit_to_schemas(model, encoder) is model


def test_class_weights_that_name_no_class() -> None:
    encoder = RowEncoder(INPUT, OUTPUT)
    model = fit_to_schemas(LinearClassifier(class_weight={"ill": 2}), encoder)
    with pytest.raises(UsageError, match="names 'ill'"):
        weigh_classes(model, encoder, np.array([[0]]))
    regression = fit_to_schemas(LinearRegression(), RowEncoder(INPUT, NUMBER))
    assert weigh_classes(regression, RowEncoder(INPUT, NUMBER), np.array([[0]])) is regression


def test_a_model_takes_its_width_from_the_schemas() -> None:
    encoder = RowEncoder(INPUT, OUTPUT)
    fitted = fit_to_schemas(RandomFeatureClassifier(4, seed=3), encoder)
    assert (fitted.inputs, fitted.outputs, fitted.get_params()["seed"]) == (1, 2, 3)
    assert fit_to_schemas(MODEL, encoder) is MODEL
    with pytest.raises(UsageError, match="3 outputs"):
        fit_to_schemas(RandomFeatureClassifier(4, outputs=3), encoder)


def test_the_published_schema_is_the_model_s() -> None:
    published = Path(sonar_core.protocol.__path__[0]) / "campaign-spec.schema.json"
    assert json.loads(published.read_text()) == spec_schema()


def test_blobs_are_read_and_held_against_their_roots(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    frozen = Frozen.of(MODEL).data
    assert frozen is not None
    whole = document(frozen={"features": to_cid(store.put(frozen))})
    spec = read_spec(store, store.put(to_canonical(whole)))
    assert read_frozen(store, spec).keys() == MODEL.to_spec()[1].keys()
    assert read_initial(store, spec) is None

    twice = CampaignSpec.parse({**whole, "frozen": {**whole["frozen"], "more": to_cid(store.put(frozen))}})
    with pytest.raises(SpecError, match="again"):
        read_frozen(store, twice)
    junk = CampaignSpec.parse({**whole, "frozen": {"features": to_cid(store.put(b"junk"))}})
    with pytest.raises(SpecError, match="frozen set 'features'"):
        read_frozen(store, junk)
    wrong = wire.dumps_arrays({"weights": np.zeros((2, 2), np.int32)})
    addressed = CampaignSpec.parse({**whole, "initial": {"kind": "address", "address": to_cid(store.put(wrong))}})
    with pytest.raises(SpecError, match="int64"):
        read_initial(store, addressed)
    with pytest.raises(BlobTooLargeError):
        read_spec(store, store.put(b"{" * (1 << 20) + b"{"))

    (tmp_path / to_cid(store.put(b"honest"))).write_bytes(b"forged")
    with pytest.raises(BlobCorruptError):
        read_spec(store, store.address_of(b"honest"))


def test_keys_and_tensors_of_another_root_are_refused(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    context = PublicContext(generate_paillier_keypair(2048)[0])
    key = store.put(wire.dumps_public_key(context))
    read = read_public_key(store, key, public_key_root(context), bits=2048)
    assert (read.n, read.h) == (context.n, context.h)
    with pytest.raises(RootMismatchError, match="public key"):
        read_public_key(store, key, bytes(32), bits=2048)
    with pytest.raises(FormatError, match="3072"):
        read_public_key(store, key, public_key_root(context), bits=3072)

    tensor = LinearClassifier(inputs=1, outputs=2).with_initial_weights().encrypt(context).weights_
    address = store.put(wire.dumps_tensor(tensor))
    assert read_tensor(store, address, tensor_root(tensor), context).ciphertexts == tensor.ciphertexts
    with pytest.raises(RootMismatchError, match="encrypted tensor"):
        read_tensor(store, address, tensor_root(tensor.rerandomise()), context)
