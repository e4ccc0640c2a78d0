"""The data of the demo: real sets from scikit-learn, tweets, or any CSV, with the Table Schema of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn import datasets as sklearn_datasets

from scripts._corpora.encoders import ENCODERS
from scripts._corpora.tweets import SENTIMENTS, polar
from scripts._csv_table import infer_field, read_csv_table
from sonar_core.base.errors import SonarError
from sonar_core.data.table_schema import TableSchema
from syft.texts import HashedNgrams, hashed_ngrams

TWEETS = "tweets"
#: Longest text of a tweet that is read.
LONGEST_TWEET = 1_000
#: Columns of hashed n-grams beside the encoder's: they cover words that it does not know.
HASHES = 512
#: Above the reachable accuracy, so that every improvement pays.
TWEETS_TARGET = 0.9


class DatasetError(SonarError, ValueError):
    """A data set cannot be used; says which, why and what to do."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A table with one Output column, and what its columns mean.

    Attributes:
        name: as on the command line.
        description: one line, for the Campaign spec.
        frame: one row per record; the Output column is the last one.
        schema: Frictionless Table Schema of all columns, the Output included.
        texts: per text column of the Input, the stages of `syft.texts` that encode it.
        target: accuracy up to which a Campaign pays, 0 to 1.
        remarks: sentences for the owner of the table, on what was left out or may surprise.
    """

    name: str
    description: str
    frame: pd.DataFrame
    schema: dict[str, Any]
    texts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    target: float = 1.0
    remarks: list[str] = field(default_factory=list)

    @property
    def output(self) -> str:
        return str(self.frame.columns[-1])

    @property
    def classes(self) -> tuple[str | int | bool, ...] | None:
        """Values of the Output, or None if it is a number."""
        return TableSchema.parse(self.output_schema).fields[0].values

    @property
    def metric(self) -> str:
        """Name of the number that scores a Model: "accuracy", or "r2" if the Output is a number."""
        return "accuracy" if self.classes else "r2"

    @property
    def input_schema(self) -> dict[str, Any]:
        return {"fields": self.schema["fields"][:-1]}

    @property
    def output_schema(self) -> dict[str, Any]:
        return {"fields": self.schema["fields"][-1:]}


def load(name: str, encoder: str | None = None) -> Dataset:
    """The data set of that name, or the CSV file at that path.

    Args:
        name: as on the command line.
        encoder: turns texts into numbers, one of `ENCODERS`; the first if left out. Only tweets have texts.

    Raises:
        DatasetError: neither exists, or the data set has no texts to encode.
        TableError, RowError: the file holds no usable table.
        CorpusMissingError: the tweets, or their encoder, could not be fetched.
    """
    if name == TWEETS:
        return _tweets(encoder or next(iter(ENCODERS)))
    if encoder is not None:
        raise DatasetError(f"data set {name!r} has no texts: --encoder is for {TWEETS}")
    if name in _LOADERS:
        return _LOADERS[name]()
    path = Path(name)
    if path.suffix.lower() == ".csv":
        table = read_csv_table(path)
        return Dataset(path.stem, f"table {path.name}", table.frame, {"fields": table.fields}, remarks=table.remarks)
    names = ", ".join(sorted([*_LOADERS, TWEETS]))
    raise DatasetError(f"no data set {name!r}: choose one of {names}, or the path of a .csv file")


def _digits() -> Dataset:
    bunch = sklearn_datasets.load_digits()
    names = [f"pixel_{row}_{column}" for row in range(8) for column in range(8)]
    frame = pd.DataFrame(bunch.data.astype(int), columns=names).assign(digit=bunch.target)
    scale = {"required": True, "minimum": 0, "maximum": 16}
    pixels = [{"name": name, "type": "integer", "constraints": scale} for name in names]
    digit = infer_field("digit", frame["digit"], is_output=True)
    return Dataset("digits", "8 x 8 images of handwritten digits", frame, {"fields": [*pixels, digit]})


def _bunch(name: str, description: str, output: str, load_bunch: Callable[[], Any], classes: bool) -> Dataset:
    bunch = load_bunch()
    names = [str(column).replace(" ", "_").replace("/", "_per_") for column in bunch.feature_names]
    frame = pd.DataFrame(bunch.data, columns=names)
    frame[output] = [str(bunch.target_names[index]) for index in bunch.target] if classes else bunch.target
    fields = [infer_field(column, frame[column], is_output=column == output) for column in frame.columns]
    return Dataset(name, description, frame, {"fields": fields})


def _breast_cancer() -> Dataset:
    load_bunch = sklearn_datasets.load_breast_cancer
    return _bunch("breast_cancer", "cell nuclei of breast masses", "diagnosis", load_bunch, classes=True)


def _wine() -> Dataset:
    return _bunch("wine", "chemical analysis of wines", "cultivar", sklearn_datasets.load_wine, classes=True)


def _diabetes() -> Dataset:
    def load_bunch() -> Any:
        return sklearn_datasets.load_diabetes(scaled=False)

    return _bunch("diabetes", "baseline measurements of diabetes patients", "progression", load_bunch, classes=False)


_LOADERS: dict[str, Callable[[], Dataset]] = {
    "digits": _digits,
    "breast_cancer": _breast_cancer,
    "wine": _wine,
    "diabetes": _diabetes,
}


def _tweets(encoder: str) -> Dataset:
    if encoder not in ENCODERS:
        raise DatasetError(f"no encoder {encoder!r}: choose one of {', '.join(ENCODERS)}")
    texts, sentiments = zip(*polar(), strict=True)
    frame = pd.DataFrame({"text": [text.strip() for text in texts], "sentiment": sentiments})
    frame = frame[frame["text"] != ""].reset_index(drop=True)
    fields = [
        {"name": "text", "type": "string", "constraints": {"required": True, "maxLength": LONGEST_TWEET}},
        {"name": "sentiment", "type": "string", "constraints": {"required": True, "enum": list(SENTIMENTS)}},
    ]
    steps = [ENCODERS[encoder](), hashed_ngrams(HashedNgrams(HASHES))]
    return Dataset(TWEETS, "tweets and their sentiment", frame, {"fields": fields}, {"text": steps}, TWEETS_TARGET)
