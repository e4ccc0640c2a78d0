"""The data of the demo: real sets from scikit-learn, tweets, or any CSV, with the Table Schema of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets as sklearn_datasets

from scripts._corpora.encoders import ENCODERS
from scripts._corpora.tweets import SENTIMENTS, polar
from sonar_core.base.errors import SonarError
from syft.texts import HashedNgrams, hashed_ngrams

#: A column with at most this many different whole numbers or texts is read as classes.
MOST_CLASSES = 20
TWEETS = "tweets"
#: Longest text of a tweet that is read.
LONGEST_TWEET = 1_000
#: Hashed n-grams beside what the encoder says: words that it does not know.
HASHES = 512
#: Somewhat more than can be reached: every round that improves the Model pays.
TWEETS_TARGET = 0.9


class DatasetError(SonarError, ValueError):
    """A data set cannot be used; says which, why and what to do."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A table with one Output column, and what its columns mean.

    Attributes:
        name: what it is called on the command line.
        description: one line, for the Campaign spec.
        frame: one row a record; the Output column is the last one.
        schema: Frictionless Table Schema of all columns, the Output included.
        texts: what becomes of each text of the Input, by its column: steps of `syft.texts`.
        target: accuracy up to which a Campaign pays, 0 to 1.
    """

    name: str
    description: str
    frame: pd.DataFrame
    schema: dict[str, Any]
    texts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    target: float = 1.0

    @property
    def output(self) -> str:
        return str(self.frame.columns[-1])

    @property
    def is_classification(self) -> bool:
        return "enum" in self.schema["fields"][-1].get("constraints", {})

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
        encoder: what makes numbers of texts, one of `ENCODERS`; the first if left out. Only tweets have texts.

    Raises:
        DatasetError: there is neither, or the file holds no usable table; there are no texts to encode.
        CorpusMissingError: the tweets, or their encoder, could not be fetched.
    """
    if name == TWEETS:
        return _tweets(encoder or next(iter(ENCODERS)))
    if encoder is not None:
        raise DatasetError(f"data set {name!r} has no texts: --encoder is for {TWEETS}")
    if name in _LOADERS:
        return _LOADERS[name]()
    path = Path(name)
    if path.suffix == ".csv":
        return _csv(path)
    names = ", ".join(sorted([*_LOADERS, TWEETS]))
    raise DatasetError(f"no data set {name!r}: choose one of {names}, or the path of a .csv file")


def _digits() -> Dataset:
    bunch = sklearn_datasets.load_digits()
    names = [f"pixel_{row}_{column}" for row in range(8) for column in range(8)]
    frame = pd.DataFrame(bunch.data.astype(int), columns=names).assign(digit=bunch.target)
    pixels = [_number(name, 0, 16, "integer") for name in names]
    return Dataset(
        "digits", "8 x 8 images of handwritten digits", frame, {"fields": [*pixels, _classes("digit", frame.digit)]}
    )


def _bunch(name: str, description: str, output: str, load_bunch: Callable[[], Any], classes: bool) -> Dataset:
    bunch = load_bunch()
    names = [str(column).replace(" ", "_").replace("/", "_per_") for column in bunch.feature_names]
    frame = pd.DataFrame(bunch.data, columns=names)
    labels = [str(bunch.target_names[index]) for index in bunch.target] if classes else bunch.target
    frame[output] = labels
    last = _classes(output, frame[output]) if classes else _measured(output, frame[output])
    return Dataset(
        name, description, frame, {"fields": [*(_measured(column, frame[column]) for column in names), last]}
    )


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


def _csv(path: Path) -> Dataset:
    try:
        frame = pd.read_csv(path)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, pd.errors.ParserError) as error:
        raise DatasetError(f"{path}: not a CSV table: {str(error).splitlines()[0]}") from error
    if frame.shape[1] < 2 or len(frame) < 50:
        raise DatasetError(
            f"{path}: {len(frame)} rows x {frame.shape[1]} columns; at least 50 x 2 are needed, Output last"
        )
    missing = frame.isna().to_numpy()
    if missing.any():
        row, column = (int(index) for index in np.argwhere(missing)[0])
        raise DatasetError(
            f"{path}: row {row + 1}, column {frame.columns[column]!r}: empty; fill it in or leave the row out"
        )
    inputs = [_inferred(path, frame[name]) for name in frame.columns[:-1]]
    return Dataset(
        path.stem, f"table {path.name}", frame, {"fields": [*inputs, _inferred_output(path, frame.iloc[:, -1])]}
    )


def _inferred(path: Path, column: pd.Series) -> dict[str, Any]:
    if pd.api.types.is_bool_dtype(column):
        return {"name": str(column.name), "type": "boolean"}
    if pd.api.types.is_numeric_dtype(column):
        return _measured(str(column.name), column)
    if column.nunique() <= MOST_CLASSES:
        return _classes(str(column.name), column)
    raise DatasetError(
        f"{path}: column {column.name!r} holds {column.nunique()} different texts; "
        f"numbers, or at most {MOST_CLASSES} values, are needed"
    )


def _inferred_output(path: Path, column: pd.Series) -> dict[str, Any]:
    whole = pd.api.types.is_integer_dtype(column) or not pd.api.types.is_numeric_dtype(column)
    if whole and column.nunique() <= MOST_CLASSES:
        return _classes(str(column.name), column)
    return _inferred(path, column)


def _number(name: str, minimum: float, maximum: float, kind: str = "number") -> dict[str, Any]:
    return {"name": name, "type": kind, "constraints": {"required": True, "minimum": minimum, "maximum": maximum}}


def _measured(name: str, column: pd.Series) -> dict[str, Any]:
    kind = "integer" if pd.api.types.is_integer_dtype(column) else "number"
    low, high = column.min().item(), column.max().item()
    return _number(name, low, high if high > low else low + 1, kind)


def _classes(name: str, column: pd.Series) -> dict[str, Any]:
    values = [value.item() if hasattr(value, "item") else value for value in sorted(column.unique())]
    kind = "string" if isinstance(values[0], str) else "integer"
    return {"name": name, "type": kind, "constraints": {"required": True, "enum": values}}
