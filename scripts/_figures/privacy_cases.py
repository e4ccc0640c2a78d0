"""Accuracy against epsilon on real data: what a Model is worth that was trained on noisy statistics.

One Mine holds all training rows and makes one Gradient of a fresh Model; the Model is scored on rows held out.
Encryption changes none of these integers, so it is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.model_selection import train_test_split

from ape_mine.training.clipping_bounds import row_bounds
from scripts._corpora.tweets import SENTIMENTS, polar
from scripts._datasets import Dataset, load
from sonar_core.data.row_encoder import RowEncoder
from syft import LinearClassifier, RandomFeatureClassifier
from syft.nn import WAD, LocalStatistics, Model
from syft.privacy import Budget, Release

EPSILONS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
DELTA = 1e-6
#: Releases at each epsilon.
SEEDS = range(20)
HASHES = 256


@dataclass(frozen=True)
class Rows:
    """Encoded rows and answers, to train on and held out."""

    encoder: RowEncoder
    train: tuple[Any, Any]
    held_out: tuple[Any, Any]


@dataclass(frozen=True)
class Case:
    """A Model, the rows it is trained on, and the length at which they are clipped (see `row_bounds`)."""

    data: str
    model: Model
    words: str
    clip: float
    rows: Rows


@dataclass(frozen=True)
class Curve:
    """Accuracies held out, in [0, 1].

    Attributes:
        case: what was measured.
        accuracies: one row an epsilon, one column a seed.
        exact: without noise.
        constant: of always saying the most frequent class.
    """

    case: Case
    accuracies: np.ndarray
    exact: float
    constant: float


def cases() -> Iterator[Case]:
    """All that is measured."""
    digits, cancer, tweets = (_split(data) for data in (load("digits"), load("breast_cancer"), _tweets()))
    yield Case("digits", LinearClassifier(64, 10), "linear", 1.0, digits)
    yield Case("digits", RandomFeatureClassifier(256, 64, 10), "256 Fourier features", 1.0, digits)
    yield Case("breast cancer", LinearClassifier(30, 2), "linear", 1.0, cancer)
    yield Case("tweets", LinearClassifier(HASHES, 2), f"{HASHES} hashes", 1.0, tweets)
    # Rows of unit length, and a column of ones, are that much shorter than rows drawn evenly from the schema.
    yield Case("tweets", LinearClassifier(HASHES, 2), f"{HASHES} hashes, clip 0.15", 0.15, tweets)


def measure(case: Case) -> Curve:
    """Trains and scores at every epsilon, with every seed."""
    model, (rows, answers), (_, truth) = case.model.with_initial_weights(), case.rows.train, case.rows.held_out
    chunk = (model.features_.transform(rows), model.targets(answers))
    bounds = row_bounds(model, case.rows.encoder, case.clip)

    def accuracy(epsilon: float, seed: int) -> float:
        source = np.random.default_rng(seed).bytes
        return _score(case, Release.draw([chunk], bounds, Budget(epsilon, DELTA).rho, source).statistics())

    return Curve(
        case,
        np.array([[accuracy(epsilon, seed) for seed in SEEDS] for epsilon in EPSILONS]),
        exact=_score(case, LocalStatistics.from_rows(*chunk)),
        constant=float(np.bincount(truth[:, 0]).max() / len(truth)),
    )


def _score(case: Case, statistics: LocalStatistics) -> float:
    fresh = case.model.with_initial_weights()
    trained = fresh.apply(fresh.gradient_map(statistics).delta(fresh.weights_, fresh.fixed_point), step_size=4)
    return trained.evaluate(*case.rows.held_out).accuracy / WAD


def _split(data: Dataset) -> Rows:
    encoder = RowEncoder(data.input_schema, data.output_schema)
    parts = train_test_split(data.frame, test_size=0.2, random_state=0, stratify=data.frame[data.output])
    train, held_out = ((encoder.encode_inputs(part), encoder.encode_targets(part)) for part in parts)
    return Rows(encoder, train, held_out)


def _tweets() -> Dataset:
    """Tweets that people called positive or negative, as hashed words in rows of unit length."""
    texts, sentiments = zip(*polar(), strict=True)
    hashes = HashingVectorizer(n_features=HASHES, alternate_sign=False, norm="l2")
    names = [f"hash_{place}" for place in range(HASHES)]
    frame = pd.DataFrame(hashes.transform(texts).toarray().clip(0, 1), columns=names)
    range_of_all = {"minimum": 0, "maximum": 1}
    fields: list[dict[str, Any]] = [{"name": name, "type": "number", "constraints": range_of_all} for name in names]
    frame["sentiment"] = list(sentiments)
    fields.append({"name": "sentiment", "type": "string", "constraints": {"enum": list(SENTIMENTS)}})
    return Dataset("tweets", "tweets and their sentiment", frame, {"fields": fields})
