"""A delivered Model as the Data Scientist uses it: records in their own units in, answers in their own units out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ape_sonar import notebook
from sonar_core.base.errors import UsageError
from sonar_core.data.cells import Table
from sonar_core.data.row_encoder import RowEncoder
from sonar_core.protocol.units import from_wad
from syft.nn import FRACTION_BITS, PREDICTION_BITS, Classifier, Model
from syft.nn.label_classifier import LabelClassifier


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A fitted Syft Model together with the Table Schemas that it was trained for.

    Attributes:
        model: the Syft Model; its rows are integers.
        encoder: turns records into those integers, and answers back.
        accuracy: on the Campaign's validation set, as it stands on chain and as it was checked; 0 to 1.
        text_steps: steps of `syft.texts` by text field of the Input, with bytes for blobs; `save` needs them.
    """

    model: Model
    encoder: RowEncoder
    accuracy: Decimal
    text_steps: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict, repr=False)

    def __repr__(self) -> str:
        names = f"{', '.join(self.encoder.input.names)} -> {', '.join(self.encoder.output.names)}"
        return f"TrainedModel({type(self.model).__name__}, {names}, {self.encoder.metric} {self.accuracy:.4f})"

    def _repr_html_(self) -> str:
        return notebook.model_table(self)

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

    def predict_proba(self, table: Table) -> pd.DataFrame:
        """Probability of each class (one column per class; rows sum to 1), or of each boolean field being true.

        The columns are the values of the Output's field in the order of its schema, or the names of its fields.

        Args:
            table: Inputs, as for `predict`.

        Raises:
            UsageError: the Output is a number, which has no probabilities.
            ColumnError, RowError: as for `predict`.
        """
        if not isinstance(self.model, Classifier | LabelClassifier):
            kind, names = type(self.model).__name__, ", ".join(self.encoder.output.names)
            raise UsageError(f"a {kind} predicts numbers ({names}), which have no probabilities: use predict")
        columns = list(self.encoder.classes or self.encoder.output.names)
        return pd.DataFrame(self.model.probabilities(self.encoder.encode_inputs(table)), columns=columns)

    def score(self, table: Table, answers: Table) -> Decimal:
        """The Campaign's metric on other records, 0 to 1.

        Args:
            table: Inputs, as for `predict`.
            answers: their Outputs, in their own units or labels.

        Raises:
            ColumnError, RowError: as for `predict`.
        """
        rows, targets = self.encoder.encode_inputs(table), self.encoder.encode_targets(answers)
        return from_wad(self.model.evaluate(rows, targets).accuracy)

    def save(self, path: Path | str) -> None:
        """Writes the Model with its schemas to a new file; `ape_sonar.load` reads it.

        The file is safetensors with a JSON description inside (docs/reference/formats.md). Loading it runs no code.

        Raises:
            FileExistsError: the file exists; it keeps its content.
            OSError: it cannot be written.
        """
        from ape_sonar.model_file import write_model

        write_model(self, Path(path))
