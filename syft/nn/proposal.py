"""A Model for records of which only the shape is known."""

from __future__ import annotations

import math
from typing import Any

from syft.errors import ModelSpecError
from syft.nn.families import MODELS
from syft.nn.models import Model

_KINDS = {"accuracy": "Classifier", "hamming": "MultiLabelClassifier", "r2": "Regressor"}
#: Fewer rows than this, or than so many a column, do not carry a hidden layer.
_FEWEST_ROWS = 100
_ROWS_PER_COLUMN = 2
#: Features of a hidden layer: a power of two, no more than rows, and no more than a Mine trains in seconds.
_FEWEST_FEATURES, _MOST_FEATURES = 32, 1 << 10
#: Above so many columns a Gaussian kernel tells little that a line does not.
_MOST_COLUMNS = 1 << 10


def propose(
    inputs: int, outputs: int, rows: int, metric: str = "accuracy", image: tuple[int, int, int] | None = None
) -> Model:
    """A Model, without weights, that is a sound start for such records; each choice can be made anew.

    A hidden layer of random features where there are rows enough to train it, of patches where a row is an image, and
    one weight a column otherwise. mu falls with the rows, 1 / sqrt(rows) but from 10^-3 to 10^-1: a Mine with many
    of them is trusted more.

    Args:
        inputs: columns of an encoded row.
        outputs: classes, labels or numbers.
        rows: that a typical Mine has, as far as one can guess; one or more.
        metric: how it is scored, which says what the outputs are (see `syft.nn.METRICS`).
        image: height, width and channels, where a row is an image.

    Raises:
        ModelSpecError: numbers below 1, an unknown metric, an image too small, or of another size than the inputs.
    """
    if min(inputs, outputs, rows) < 1 or metric not in _KINDS:
        raise ModelSpecError(
            f"nothing to propose for {inputs} inputs, {outputs} outputs, {rows} rows and metric {metric!r}"
        )
    if image is not None and math.prod(image) != inputs:
        raise ModelSpecError(f"images of {' x '.join(map(str, image))} have {math.prod(image)} columns, not {inputs}")
    mu = min(max(1 / math.sqrt(rows), 1e-3), 1e-1)
    kind = _KINDS[metric]
    carried = rows >= max(_FEWEST_ROWS, _ROWS_PER_COLUMN * inputs)
    if not carried or (image is None and inputs > _MOST_COLUMNS):
        linear = kind if kind == "MultiLabelClassifier" else f"Linear{'Regression' if kind == 'Regressor' else kind}"
        return MODELS[linear](inputs, outputs, mu=mu)
    features = min(max(1 << (rows.bit_length() - 1), _FEWEST_FEATURES), _MOST_FEATURES)
    layer = "fourier" if image is None else "convolution"
    arguments: dict[str, Any] = {"features": features, "layer": layer, "image": image}
    return MODELS[f"RandomFeature{kind}"](inputs=inputs, outputs=outputs, mu=mu, **arguments)
