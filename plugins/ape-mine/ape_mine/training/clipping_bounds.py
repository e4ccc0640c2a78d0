"""Clipping bounds for differential privacy (L2 norm of a feature row), from schema and Model, never from the data."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sonar_core.data.row_encoder import RowEncoder, encode_field
from sonar_core.data.table_schema import TableField
from syft.nn import Model
from syft.privacy import RowBounds

_TYPICAL_ROWS = 256


def row_bounds(model: Model, encoder: RowEncoder, clip: float) -> RowBounds:
    """Clipping bounds for a Campaign's rows.

    Synthetic rows are drawn uniformly from the Input's schema with a fixed seed (`TextColumns.typical` for texts). The
    bounds are the median L2 norm of their features, and their largest entry rounded up to a power of two. The bound of
    targets is the largest norm that the Output allows. Class weights are included.

    Args:
        model: the Campaign's, with or without weights.
        encoder: of the Campaign's Input and Output.
        clip: multiple of the median norm up to which a row counts in full. A smaller one needs less noise, but reduces
            the weight of longer rows.

    Raises:
        PrivacyError: no bounds follow from such a small or large clip.
    """
    generator = np.random.default_rng(0)
    typical = np.concatenate([_typical(field, encoder, generator) for field in encoder.input.fields], axis=1)
    answers = _answers(encoder)
    # Every answer occurs, since each class has a weight of its own.
    turns = np.arange(max(_TYPICAL_ROWS, len(answers)))
    rows = typical[turns % _TYPICAL_ROWS]
    features, targets = model.training_rows(rows, answers[turns % len(answers)])
    norm_squared = float(np.median(np.square(features).sum(axis=1))) * clip**2
    return RowBounds(
        features_squared=math.ceil(norm_squared),
        target_squared=int(np.square(targets).sum(axis=1).max()),
        feature=1 << (int(np.abs(features).max()) - 1).bit_length(),
    )


def _answers(encoder: RowEncoder) -> NDArray[np.int64]:
    """Answers that include the one of largest norm: all classes, or both ends of all ranges or labels."""
    answers = np.arange(len(encoder.classes)) if encoder.classes else np.array([0, encoder.largest_answer])
    return np.repeat(answers.astype(np.int64)[:, None], encoder.answers, axis=1)


def _typical(field: TableField, encoder: RowEncoder, generator: np.random.Generator) -> NDArray[np.int64]:
    """Encoded columns of a field in `_TYPICAL_ROWS` random rows."""
    if field.is_text:
        return encoder.texts[field.name].typical(_TYPICAL_ROWS, generator)
    return encode_field(field, pd.Series(_uniform(field, generator)))


def _uniform(field: TableField, generator: np.random.Generator) -> list[object]:
    if field.values:
        return [field.values[index] for index in generator.integers(len(field.values), size=_TYPICAL_ROWS)]
    numbers = generator.uniform(*field.bounds, _TYPICAL_ROWS)
    return [round(number) for number in numbers] if field.type == "integer" else numbers.tolist()
