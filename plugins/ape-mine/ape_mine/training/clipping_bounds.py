"""How long a row of features is that counts in full: by schema and Model alone, without a look at any row."""

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
    """Bounds for a Campaign's rows.

    Rows are drawn uniformly from the Input's schema, with a fixed seed (what becomes of texts as `TextColumns.typical`
    has it); of their features the median length and the largest entry, up to the next power of two, are the bounds.
    Targets are as long as the Output's longest. Class weights count.

    Args:
        model: the Campaign's, with or without weights.
        encoder: of the Campaign's Input and Output.
        clip: the longest row that counts in full, in lengths of that median one. Smaller: less noise, and long rows
            count for less.

    Raises:
        PrivacyError: a clip so small or large that no bounds follow.
    """
    generator = np.random.default_rng(0)
    typical = np.concatenate([_typical(field, encoder, generator) for field in encoder.input.fields], axis=1)
    answers = _answers(encoder)
    # Every answer has its turn, since a class has its weight.
    turns = np.arange(max(_TYPICAL_ROWS, len(answers)))
    rows = typical[turns % _TYPICAL_ROWS]
    features, targets = model.training_rows(rows, answers[turns % len(answers)])
    length = float(np.median(np.square(features).sum(axis=1))) * clip**2
    return RowBounds(
        features_squared=math.ceil(length),
        target_squared=int(np.square(targets).sum(axis=1).max()),
        feature=1 << (int(np.abs(features).max()) - 1).bit_length(),
    )


def _answers(encoder: RowEncoder) -> NDArray[np.int64]:
    """Answers among which the longest target is: every class, or both ends of every range or label."""
    answers = np.arange(len(encoder.classes)) if encoder.classes else np.array([0, encoder.largest_answer])
    return np.repeat(answers.astype(np.int64)[:, None], encoder.answers, axis=1)


def _typical(field: TableField, encoder: RowEncoder, generator: np.random.Generator) -> NDArray[np.int64]:
    """The columns of a field in so many rows."""
    if field.is_text:
        return encoder.texts[field.name].typical(_TYPICAL_ROWS, generator)
    return encode_field(field, pd.Series(_uniform(field, generator)))


def _uniform(field: TableField, generator: np.random.Generator) -> list[object]:
    if field.values:
        return [field.values[place] for place in generator.integers(len(field.values), size=_TYPICAL_ROWS)]
    numbers = generator.uniform(*field.bounds, _TYPICAL_ROWS)
    return [round(number) for number in numbers] if field.type == "integer" else numbers.tolist()
