"""Proposal of a Model for records of a given shape."""

from __future__ import annotations

import math
from typing import Any

from syft.errors import ModelSpecError
from syft.nn.estimators import MODELS
from syft.nn.model import Model

_KINDS = {"accuracy": "Classifier", "hamming": "MultiLabelClassifier", "r2": "Regressor"}
#: Least number of rows, and of rows per column, for a hidden layer.
_FEWEST_ROWS = 100
_ROWS_PER_COLUMN = 2
#: Features of a hidden layer: a power of two, at most the number of rows, and few enough to train in seconds.
_FEWEST_FEATURES, _MOST_FEATURES = 32, 1 << 10
#: With more columns, a Gaussian kernel adds little to a linear Model.
_MOST_COLUMNS = 1 << 10


def propose(
    inputs: int, outputs: int, rows: int, metric: str = "accuracy", image: tuple[int, int, int] | None = None
) -> Model:
    """A Model without weights that is a reasonable first choice.

    It has a hidden layer of random features if the rows suffice to train one (a convolution if a row is an image), and
    is linear otherwise. mu is 1 / sqrt(rows), clipped to [10^-3, 10^-1]: more rows get more weight.

    Args:
        inputs: columns of an encoded row.
        outputs: number of classes, labels or numbers.
        rows: estimated rows of a typical Mine, at least 1.
        metric: one of `syft.nn.METRICS`, which decides the kind of outputs.
        image: height, width and channels if a row is an image, else None.

    Raises:
        ModelSpecError: a number below 1, an unknown metric, an image that is too small or does not have `inputs`
            columns.
    """
    if min(inputs, outputs, rows) < 1 or metric not in _KINDS:
        raise ModelSpecError(
            f"no Model for {inputs} inputs, {outputs} outputs, {rows} rows and metric {metric!r}: "
            f"use numbers from 1, and one of {', '.join(_KINDS)}"
        )
    if image is not None and math.prod(image) != inputs:
        raise ModelSpecError(f"images of {' x '.join(map(str, image))} have {math.prod(image)} columns, not {inputs}")
    mu = min(max(1 / math.sqrt(rows), 1e-3), 1e-1)
    kind = _KINDS[metric]
    enough_rows = rows >= max(_FEWEST_ROWS, _ROWS_PER_COLUMN * inputs)
    if not enough_rows or (image is None and inputs > _MOST_COLUMNS):
        linear = kind if kind == "MultiLabelClassifier" else f"Linear{'Regression' if kind == 'Regressor' else kind}"
        return MODELS[linear](inputs, outputs, mu=mu)
    features = min(max(1 << (rows.bit_length() - 1), _FEWEST_FEATURES), _MOST_FEATURES)
    layer = "fourier" if image is None else "convolution"
    arguments: dict[str, Any] = {"features": features, "layer": layer, "image": image}
    return MODELS[f"RandomFeature{kind}"](inputs=inputs, outputs=outputs, mu=mu, **arguments)
