"""Text stages: the ways to convert texts to columns that a Campaign spec may use.

A spec names large public blobs by their content address; a stage is loaded from the spec with the bytes in place of the
names. Columns are int64, 2^10 for 1.0, within 2^15.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from syft import wire
from syft.errors import FeatureError
from syft.integers import Integers
from syft.kernel import cores
from syft.nn.fixed_point import FRACTION_BITS, ONE, clip
from syft.nn.layers import MOST_FEATURES
from syft.nn.layers.base import integer_parameter
from syft.texts.bert import LONGEST, POOLINGS, TOKENS_PER_BATCH, Bert
from syft.texts.ngrams import HashedNgrams
from syft.texts.token_tables import MOST_TOKENS, TokenTable
from syft.texts.tokenizer import LARGEST_TOKENIZER, Tokenizer
from syft.texts.weights import load_weights

#: Largest size of a token table, and of an encoder's weights, in bytes.
LARGEST_TABLE = 128 << 20
LARGEST_WEIGHTS = 256 << 20
_MOST_HEADS = 64
#: Largest L2 norm of an encoder's rows.
_LARGEST_SCALE = 64
#: Tokens per text of `typical` rows.
_TYPICAL_TOKENS = 16


class TextStage(Protocol):
    """One way to convert texts to columns.

    Attributes:
        name: its name in a spec, under the key "step".
        parameters: the other keys of its spec.
        blobs: the parameters that are public blobs, with their largest size in bytes.
    """

    name: ClassVar[str]
    parameters: ClassVar[frozenset[str]]
    blobs: ClassVar[Mapping[str, int]]

    @classmethod
    def columns(cls, spec: Mapping[str, Any]) -> int:
        """Number of columns of a spec, without its blobs. Raises FeatureError if it is not valid."""

    @classmethod
    def load(cls, spec: Mapping[str, Any]) -> Self:
        """The stage of a spec with bytes for blobs.

        Raises:
            FeatureError, WireError, WeightsError, TokenizerError: the spec or a blob is not valid.
            ExtraMissingError: a package is not installed.
        """

    def transform(self, texts: Sequence[str]) -> Integers:
        """Rows of texts, shape (n, columns)."""

    def typical(self, count: int, generator: np.random.Generator) -> Integers:
        """`count` random rows with the norms of typical texts, drawn without any text."""


class Ngrams:
    """Hashed n-grams: see `HashedNgrams`. Needs neither blobs nor optional packages."""

    name: ClassVar[str] = "hashed_ngrams"
    parameters: ClassVar[frozenset[str]] = frozenset({"n_features", "words", "characters", "alternate_sign"})
    blobs: ClassVar[Mapping[str, int]] = {}

    def __init__(self, hashed: HashedNgrams) -> None:
        self._hashed = hashed

    @classmethod
    def columns(cls, spec: Mapping[str, Any]) -> int:
        return cls.load(spec)._hashed.n_features

    @classmethod
    def load(cls, spec: Mapping[str, Any]) -> Self:
        own = {name: value for name, value in spec.items() if name in cls.parameters}
        return cls(HashedNgrams.from_spec(own))

    def transform(self, texts: Sequence[str]) -> Integers:
        return self._hashed.transform(texts)

    def typical(self, count: int, generator: np.random.Generator) -> Integers:
        rows = _directions(count, self._hashed.n_features, 1, generator)
        return rows if self._hashed.alternate_sign else np.abs(rows)


class TokenAverages:
    """The mean of a public table's rows of a text's tokens: see `TokenTable`.

    The spec has the table (`wire.dumps_arrays` of `TokenTable.to_tensors`), its tokenizer, and the table's width.
    """

    name: ClassVar[str] = "token_table"
    parameters: ClassVar[frozenset[str]] = frozenset({"table", "tokenizer", "width"})
    blobs: ClassVar[Mapping[str, int]] = {"table": LARGEST_TABLE, "tokenizer": LARGEST_TOKENIZER}

    def __init__(self, table: TokenTable, tokenizer: Tokenizer) -> None:
        self._table, self._tokenizer = table, tokenizer

    @classmethod
    def columns(cls, spec: Mapping[str, Any]) -> int:
        return integer_parameter(spec, "width", 1, MOST_FEATURES)

    @classmethod
    def load(cls, spec: Mapping[str, Any]) -> Self:
        table = TokenTable.from_tensors(wire.loads_arrays(spec["table"], limit=LARGEST_TABLE))
        _require_width(table.table.shape[1], cls.columns(spec))
        return cls(table, Tokenizer(spec["tokenizer"]))

    def transform(self, texts: Sequence[str]) -> Integers:
        return self._table.transform(self._tokenizer.tokens(texts, longest=MOST_TOKENS, special=False))

    def typical(self, count: int, generator: np.random.Generator) -> Integers:
        return self._table.transform(generator.integers(0, len(self._table.table), (count, _TYPICAL_TOKENS)))


class Sentences:
    """The output of a public, pre-trained encoder, scaled to L2 norm `scale`: see `Bert`.

    Floats are rounded to 2^-10; another machine may compute an entry that differs by 2^-10. The spec has:

    * weights: safetensors with the names of Hugging Face's BertModel; float32 or float16.
    * tokenizer: `tokenizer.json`.
    * width: of the encoder.
    * heads: per layer, 1 to 64.
    * pooling: "mean" or "cls".
    * longest: largest number of tokens per text, 1 to 512; longer texts are truncated.
    * scale: L2 norm of a row, 1 to 64; its entries are about scale / sqrt(width) in size.
    """

    name: ClassVar[str] = "encoder"
    parameters: ClassVar[frozenset[str]] = frozenset(
        {"weights", "tokenizer", "width", "heads", "pooling", "longest", "scale"}
    )
    blobs: ClassVar[Mapping[str, int]] = {"weights": LARGEST_WEIGHTS, "tokenizer": LARGEST_TOKENIZER}

    def __init__(self, bert: Bert, tokenizer: Tokenizer, longest: int, scale: int) -> None:
        self._bert, self._tokenizer, self._longest, self._scale = bert, tokenizer, longest, scale

    @classmethod
    def columns(cls, spec: Mapping[str, Any]) -> int:
        for key, most in (("heads", _MOST_HEADS), ("longest", LONGEST), ("scale", _LARGEST_SCALE)):
            integer_parameter(spec, key, 1, most)
        if spec["pooling"] not in POOLINGS:
            raise FeatureError(f"pooling must be one of {', '.join(POOLINGS)}")
        return integer_parameter(spec, "width", 1, MOST_FEATURES)

    @classmethod
    def load(cls, spec: Mapping[str, Any]) -> Self:
        width = cls.columns(spec)
        bert = Bert.from_tensors(load_weights(spec["weights"]), heads=spec["heads"], pooling=spec["pooling"])
        _require_width(bert.width, width)
        return cls(bert, Tokenizer(spec["tokenizer"]), spec["longest"], spec["scale"])

    def transform(self, texts: Sequence[str]) -> Integers:
        tokens = self._tokenizer.tokens(texts, longest=self._longest, special=True)
        lengths = np.array([len(text) for text in tokens], dtype=np.int64)
        rows = np.zeros((len(texts), self._bert.width), dtype=np.int64)

        def encode(batch: Integers) -> None:
            with np.errstate(over="ignore", invalid="ignore"):
                vectors = self._bert.encode(np.stack([tokens[index] for index in batch]))
            if not np.isfinite(vectors).all():
                raise FeatureError(f"row {int(batch[0])} and others: the encoder's numbers overflow")
            rows[batch] = np.rint(vectors * np.float32(self._scale * ONE))

        with _one_thread_each(), ThreadPoolExecutor(cores()) as pool:
            # The longest texts first, so that threads finish at about the same time.
            list(pool.map(encode, _batches(lengths)[::-1]))
        return clip(rows)

    def typical(self, count: int, generator: np.random.Generator) -> Integers:
        return _directions(count, self._bert.width, self._scale, generator)


#: The stages that a spec may use, by name.
TEXT_STAGES: dict[str, type[Ngrams] | type[TokenAverages] | type[Sentences]] = {
    stage.name: stage for stage in (Ngrams, TokenAverages, Sentences)
}


def _batches(lengths: Integers) -> list[Integers]:
    """Batches of indices of texts with equal numbers of tokens; texts without tokens are left out."""
    batches = []
    for length in np.unique(lengths[lengths > 0]):
        indices = np.flatnonzero(lengths == length)
        texts = max(TOKENS_PER_BATCH // int(length), 1)
        batches += [indices[start : start + texts] for start in range(0, len(indices), texts)]
    return batches


def _one_thread_each() -> AbstractContextManager[Any]:
    """A context in which BLAS uses one thread, since each batch already has its own thread."""
    try:
        limits: AbstractContextManager[Any] = import_module("threadpoolctl").threadpool_limits(1, user_api="blas")
    except ImportError:
        return nullcontext()
    return limits


def _directions(count: int, width: int, length: int, generator: np.random.Generator) -> Integers:
    """Rows of L2 norm `length` in uniformly random directions."""
    drawn = generator.normal(size=(count, width))
    lengths = np.maximum(np.linalg.norm(drawn, axis=1, keepdims=True), math.ulp(1.0))
    return clip(np.rint(drawn / lengths * (length << FRACTION_BITS)).astype(np.int64))


def _require_width(found: int, stated: int) -> None:
    if found != stated:
        raise FeatureError(f"the stage has {found} columns, but its spec states {stated}")
