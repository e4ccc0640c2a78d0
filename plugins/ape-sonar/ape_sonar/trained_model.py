"""A delivered Model, as the Data Scientist uses it: records in their own units in, answers in their own units out."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sonar_core.data.cells import Table
from sonar_core.data.row_encoder import RowEncoder
from sonar_core.protocol.units import from_wad
from syft.nn import FRACTION_BITS, PREDICTION_BITS, Model


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A fitted Syft Model together with the Table Schemas it was trained for.

    Attributes:
        model: the Syft Model; its rows are integers.
        encoder: what turns records into those integers and back.
        accuracy: on the Campaign's validation set, as the chain has it and as it was checked.
    """

    model: Model
    encoder: RowEncoder
    accuracy: Decimal

    def predict(self, table: Table) -> NDArray[Any]:
        """The Model's answers: labels, or numbers in the Output's units, shape (n,), or (n, fields) of several.

        Args:
            table: Inputs as a data frame, mapping of columns, or array of shape (n, fields), in their own units;
                numbers out of range are clipped.

        Raises:
            ColumnError: a column is missing.
            RowError: a cell is not of its field's type.
        """
        predictions = self.model.predictions(self.encoder.encode_inputs(table))
        finer = PREDICTION_BITS - FRACTION_BITS if self.encoder.metric == "r2" else 0
        return np.array(self.encoder.decode_predictions(predictions / (1 << finer)))

    def score(self, table: Table, answers: Table) -> Decimal:
        """The Campaign's metric on other records.

        Args:
            table: Inputs, as for `predict`.
            answers: their Outputs, in their own units or labels.

        Raises:
            ColumnError, RowError: as for `predict`.
        """
        rows, targets = self.encoder.encode_inputs(table), self.encoder.encode_targets(answers)
        return from_wad(self.model.evaluate(rows, targets).accuracy)
