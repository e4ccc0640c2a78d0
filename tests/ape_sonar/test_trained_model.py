from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ape_sonar
from ape_sonar import FormatError, TrainedModel, UsageError
from ape_sonar.commands.result import predictions_csv
from sonar_core.base.canonical_json import to_canonical
from sonar_core.data.row_encoder import RowEncoder
from syft import RandomFeatureClassifier, wire
from syft.nn import LinearClassifier, LinearRegression, MultiLabelClassifier
from syft.paillier import IntegerTensor
from syft.texts import TextColumns, encoder
from tests.syft import tiny_encoder as tiny

INPUT = {"fields": [{"name": "dose", "type": "number", "constraints": {"minimum": 0, "maximum": 8}}]}
DAYS = {"name": "days", "type": "number", "constraints": {"minimum": 10, "maximum": 30}}
COST = {"name": "cost", "type": "integer", "constraints": {"minimum": 0, "maximum": 1000}}
SIGNS = [{"name": "fever", "type": "boolean"}, {"name": "cough", "type": "boolean"}]
WARD = {"name": "ward", "type": "string", "constraints": {"enum": ["north", "south", "west"]}}
DOSES = {"dose": [0.0, 2.5, 8.0]}


def weights(*rows: tuple[float, ...]) -> IntegerTensor:
    return IntegerTensor(np.array([[int(one * 65536) for one in row] for row in rows], dtype=object), 16, 1 << 22)


def regression() -> TrainedModel:
    model = LinearRegression(inputs=1, outputs=2).with_weights(weights((0.5, -1), (0.25, 1)))
    return TrainedModel(model, RowEncoder(INPUT, {"fields": [DAYS, COST]}), Decimal(1))


def labels() -> TrainedModel:
    model = MultiLabelClassifier(inputs=1, outputs=2).with_weights(weights((1, -1), (-0.5, 0.75)))
    return TrainedModel(model, RowEncoder(INPUT, {"fields": SIGNS}), Decimal("0.8"))


def classes() -> TrainedModel:
    model = LinearClassifier(inputs=1, outputs=3).with_weights(weights((1, -1, 0), (-0.5, 0.75, 0)))
    return TrainedModel(model, RowEncoder(INPUT, {"fields": [WARD]}), Decimal("0.75"))


def hidden_layer() -> TrainedModel:
    """A Model with frozen tensors and class weights, and weights that no int64 holds."""
    model = RandomFeatureClassifier(5, inputs=1, outputs=3, class_weight={"north": 2, "south": 1, "west": 0.5})
    model = model.with_class_weights(["north", "south", "west"], np.array([[0], [1], [2]])).with_initial_weights(3)
    large = IntegerTensor(model.weights_.values * (1 << 60) + 1, model.weights_.exponent + 60, 1 << 100)
    return TrainedModel(model.with_weights(large), RowEncoder(INPUT, {"fields": [WARD]}), Decimal(0))


def test_numbers_in_their_own_units() -> None:
    trained = regression()
    table = {"dose": [0.0, 8.0]}
    assert trained.predict(table).tolist() == [[15, 1000], [25, 0]]
    assert trained.score(table, {"days": [15, 25], "cost": [1000, 0]}) == 1


def test_several_labels_as_booleans() -> None:
    trained = labels()
    table = {"dose": [0.0, 5.0, 8.0]}
    found = trained.predict(table)
    assert found.tolist() == [[False, True], [True, True], [True, False]]
    assert (
        trained.score(table, {"fever": [False, True, True], "cough": [True, True, True]})
        == Decimal(5 * 10**18 // 6) / 10**18
    )


def test_probabilities_of_classes_from_rows_in_their_own_units() -> None:
    trained = classes()
    found = trained.predict_proba(DOSES)
    assert list(found.columns) == ["north", "south", "west"]
    assert np.allclose(found.sum(axis=1), 1)
    assert found.idxmax(axis=1).tolist() == trained.predict(DOSES).tolist() == ["south", "south", "north"]
    # The estimator gives the same for the columns scaled to [0, 1] by hand.
    scaled = trained.encoder.encode_inputs(DOSES) / 1024
    assert found.to_numpy().tolist() == trained.model.predict_proba(scaled).tolist()  # type: ignore[attr-defined]


def test_probabilities_of_labels() -> None:
    found = labels().predict_proba(DOSES)
    assert list(found.columns) == ["fever", "cough"]
    assert ((found > 0.5).to_numpy() == labels().predict(DOSES)).all()


def test_numbers_have_no_probabilities() -> None:
    with pytest.raises(UsageError, match=r"LinearRegression predicts numbers \(days, cost\)"):
        regression().predict_proba(DOSES)


def test_a_file_of_predictions_has_a_column_for_each_field(tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("dose\n0\n8\n")
    assert predictions_csv(labels(), rows).decode().split() == ["fever,cough", "False,True", "True,False"]
    head, first, _ = predictions_csv(classes(), rows, probabilities=True).decode().splitlines()
    assert head == "ward,probability of north,probability of south,probability of west"
    ward, *shares = first.split(",")
    assert ward == "south"
    assert [float(one) for one in shares] == classes().predict_proba({"dose": [0]}).to_numpy()[0].tolist()


@pytest.mark.parametrize("make", [regression, labels, classes, hidden_layer])
def test_a_saved_model_predicts_the_same(make: Any, tmp_path: Path) -> None:
    trained, path = make(), tmp_path / "model.safetensors"
    trained.save(path)
    again = ape_sonar.load(path)
    assert again.predict(DOSES).tolist() == trained.predict(DOSES).tolist()
    assert (again.model.weights_.values == trained.model.weights_.values).all()
    assert (again.accuracy, again.encoder.classes) == (trained.accuracy, trained.encoder.classes)
    assert again.model.to_spec()[0] == trained.model.to_spec()[0]
    copy = tmp_path / "again.safetensors"
    again.save(copy)
    assert copy.read_bytes() == path.read_bytes()
    with pytest.raises(FileExistsError):
        trained.save(path)


def test_a_saved_model_brings_what_its_texts_need(tmp_path: Path, text_step: dict[str, Any]) -> None:
    note = {"name": "note", "type": "string", "constraints": {"maxLength": 100}}
    encoder = RowEncoder({"fields": [note]}, {"fields": [WARD]}, {"note": TextColumns.load([text_step])})
    model = LinearClassifier(inputs=len(encoder.columns), outputs=3).with_initial_weights(1)
    trained = TrainedModel(model, encoder, Decimal(1), {"note": [text_step]})
    trained.save(tmp_path / "model")
    again, table = ape_sonar.load(tmp_path / "model"), {"note": ["a good day", "bad days", "zzz"]}
    assert again.text_steps == {"note": [text_step]}
    assert again.predict_proba(table).equals(trained.predict_proba(table))


@pytest.fixture
def text_step() -> dict[str, Any]:
    """A text step with its two blobs: a tiny encoder and its tokenizer."""
    return encoder(tiny.weights_bytes(), tiny.tokenizer_bytes(), heads=tiny.HEADS, longest=tiny.PLACES)


def damaged(data: bytes, **changes: Any) -> bytes:
    arrays = wire.loads_arrays(data)
    document = json.loads(arrays["document"].tobytes())
    document.update({name: value for name, value in changes.items() if name in document})
    arrays["document"] = np.frombuffer(to_canonical(document), np.uint8)
    arrays.update({name: value for name, value in changes.items() if isinstance(value, np.ndarray)})
    return wire.dumps_arrays(arrays)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"format": "pickle"}, "format"),
        ({"accuracy": "2"}, "accuracy"),
        ({"bound": "0x1"}, "bits"),
        ({"output": {"fields": [DAYS]}}, "does not belong to its Output"),
        ({"input": {"fields": [DAYS, {**DAYS, "name": "dose"}]}}, "does not belong to its Input"),
        ({"weights": np.zeros((2, 3), np.uint8)}, "three dimensions"),
        ({"weights": np.zeros((3, 3, 1), np.uint8)}, "shape"),
        ({"model": {"class": "Pickle", "parameters": {}, "features": []}}, "Pickle"),
        ({"texts": {"note": [{"step": "token_table", "table": "text.0"}]}}, "token_table"),
    ],
)
def test_a_file_that_no_model_wrote(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    path = tmp_path / "model"
    classes().save(path)
    path.write_bytes(damaged(path.read_bytes(), **changes))
    with pytest.raises(FormatError, match=why):
        ape_sonar.load(path)


def test_bytes_that_are_no_file(tmp_path: Path) -> None:
    path = tmp_path / "model"
    for data in (b"", b"x" * 100, b"\x80\x04N.", wire.dumps_arrays({"weights": np.zeros(1, np.uint8)})):
        path.write_bytes(data)
        with pytest.raises(FormatError, match="trained Model"):
            ape_sonar.load(path)


def test_a_model_shows_its_records_and_not_an_address_in_memory() -> None:
    assert repr(classes()) == "TrainedModel(LinearClassifier, dose -> ward, accuracy 0.7500)"
