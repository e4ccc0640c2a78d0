"""Area under the ROC curve of a two-class Model on held-out rows, beside Models trained on all rows in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from ape_sonar.campaign_builder import fit_to_schemas
from scripts._datasets import Dataset
from sonar_core.data.row_encoder import RowEncoder
from syft.integers import Integers
from syft.nn import ONE, Model
from syft.texts import TextColumns


@dataclass(frozen=True, slots=True)
class Comparison:
    """Areas under the ROC curve on held-out rows, of Models trained in the clear on the rows of all Mines.

    Attributes:
        centralised_auc: the same Model on the same features.
        tfidf_auc: a logistic regression on tf-idf weighted words, scikit-learn's defaults.
    """

    centralised_auc: float
    tfidf_auc: float


def compare(dataset: Dataset, model: Model, pooled: pd.DataFrame, held_out: pd.DataFrame) -> Comparison:
    """Trains both Models in the clear, on all rows with their true answers."""
    texts = {field: TextColumns.load(steps) for field, steps in dataset.texts.items()}
    encoder = RowEncoder(dataset.input_schema, dataset.output_schema, texts)
    (rows, answers), (others, truth) = (
        (encoder.encode_inputs(part), encoder.encode_targets(part)) for part in (pooled, held_out)
    )
    fresh = fit_to_schemas(model, encoder).with_initial_weights()
    trained = fresh.apply(fresh.gradient(rows, answers), step_size=4)
    (field,) = dataset.texts
    words = TfidfVectorizer()
    known = words.fit_transform(pooled[field])
    logistic = LogisticRegression(max_iter=1_000).fit(known, answers[:, 0])
    scores = logistic.decision_function(words.transform(held_out[field]))
    return Comparison(auc(trained, others, truth), float(roc_auc_score(truth[:, 0], scores)))


def auc(model: Any, rows: Integers, answers: Integers) -> float:
    """Area under the ROC curve of a Model of two classes in the clear, on encoded rows."""
    scores = model.features_.transform(rows) / ONE @ model.weights_.to_floats()
    return float(roc_auc_score(answers[:, 0], scores[:, 1] - scores[:, 0]))
