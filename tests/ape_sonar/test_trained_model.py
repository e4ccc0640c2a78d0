from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np

from ape_sonar._cli import _predictions
from ape_sonar.trained_model import TrainedModel
from sonar_core.data.row_encoder import RowEncoder
from syft.nn import LinearRegression, MultiLabelClassifier
from syft.paillier import IntegerTensor

INPUT = {"fields": [{"name": "dose", "type": "number", "constraints": {"minimum": 0, "maximum": 8}}]}
DAYS = {"name": "days", "type": "number", "constraints": {"minimum": 10, "maximum": 30}}
COST = {"name": "cost", "type": "integer", "constraints": {"minimum": 0, "maximum": 1000}}
SIGNS = [{"name": "fever", "type": "boolean"}, {"name": "cough", "type": "boolean"}]


def weights(*rows: tuple[float, float]) -> IntegerTensor:
    return IntegerTensor(np.array([[int(one * 65536) for one in row] for row in rows], dtype=object), 16, 1 << 22)


def test_numbers_in_their_own_units() -> None:
    model = LinearRegression(inputs=1, outputs=2).with_weights(weights((0.5, -1), (0.25, 1)))
    trained = TrainedModel(model, RowEncoder(INPUT, {"fields": [DAYS, COST]}), Decimal(1))
    table = {"dose": [0.0, 8.0]}
    assert trained.predict(table).tolist() == [[15, 1000], [25, 0]]
    assert trained.score(table, {"days": [15, 25], "cost": [1000, 0]}) == 1


def test_several_labels_as_booleans() -> None:
    model = MultiLabelClassifier(inputs=1, outputs=2).with_weights(weights((1, -1), (-0.5, 0.75)))
    trained = TrainedModel(model, RowEncoder(INPUT, {"fields": SIGNS}), Decimal(1))
    table = {"dose": [0.0, 5.0, 8.0]}
    found = trained.predict(table)
    assert found.tolist() == [[False, True], [True, True], [True, False]]
    assert (
        trained.score(table, {"fever": [False, True, True], "cough": [True, True, True]})
        == Decimal(5 * 10**18 // 6) / 10**18
    )


def test_a_file_of_predictions_has_a_column_for_each_field(tmp_path: Path) -> None:
    model = MultiLabelClassifier(inputs=1, outputs=2).with_weights(weights((1, -1), (-0.5, 0.75)))
    trained = TrainedModel(model, RowEncoder(INPUT, {"fields": SIGNS}), Decimal(1))
    rows = tmp_path / "rows.csv"
    rows.write_text("dose\n0\n8\n")
    assert _predictions(trained, rows).decode().split() == ["fever,cough", "False,True", "True,False"]
