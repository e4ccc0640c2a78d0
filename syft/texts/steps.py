"""How a text becomes columns of a row: the steps that a Campaign spec may ask for, each with all that it needs.

What is large is public, and named by its content address: a spec has the address where a step, once it is fetched, has
the bytes. Each step makes integers at 2^10 for 1.0, within 2^15.
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
from syft.kernel import cores
from syft.nn.integers import Integers
from syft.nn.steps import FRACTION_BITS, MOST_FEATURES, ONE, clip, whole
from syft.nn.text import HashedNgrams
from syft.nn.tokens import MOST_TOKENS, TokenTable
from syft.texts.bert import LONGEST, POOLINGS, TOKENS_AT_ONCE, Bert
from syft.texts.tokenizer import LARGEST_TOKENIZER, Tokenizer
from syft.texts.weights import load_weights

#: Most bytes of a table, and of an encoder's weights.
LARGEST_TABLE = 128 << 20
LARGEST_WEIGHTS = 256 << 20
_MOST_HEADS = 64
#: Largest length of an encoder's rows.
_LARGEST_SCALE = 64
#: Tokens of a text that nobody wrote.
_TYPICAL_TOKENS = 16


class TextStep(Protocol):
    """One step.

    Attributes:
        name: its word in a spec.
        parameters: what else its dictionary holds.
        blobs: those of them that are public blobs, and the most bytes of each.
    """

    name: ClassVar[str]
    parameters: ClassVar[frozenset[str]]
    blobs: ClassVar[Mapping[str, int]]

    @classmethod
    def columns(cls, spec: Mapping[str, Any]) -> int:
        """Columns that a description makes; its blobs are not looked at. Raises FeatureError."""

    @classmethod
    def load(cls, spec: Mapping[str, Any]) -> Self:
        """The step of a description that has bytes for blobs.

        Raises:
            FeatureError, WireError, WeightsError, TokenizerError: a blob is not what it should be.
            ExtraMissingError: a package is missing.
        """

    def transform(self, texts: Sequence[str]) -> Integers:
        """Rows of texts, shape (n, columns)."""

    def typical(self, count: int, generator: np.random.Generator) -> Integers:
        """So many rows as of texts that nobody wrote: as long as those of texts are, without a look at any."""


class Ngrams:
    """n-grams, hashed: see `HashedNgrams`. Needs no blob, and no package."""

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
    """The average of what a public table says of a text's tokens: see `TokenTable`.

    A description has the table (`wire.dumps_arrays` of `TokenTable.to_tensors`), its tokenizer, and the table's width.
    """

    name: ClassVar[str] = "token_table"
    parameters: ClassVar[frozenset[str]] = frozenset({"table", "tokenizer", "width"})
    blobs: ClassVar[Mapping[str, int]] = {"table": LARGEST_TABLE, "tokenizer": LARGEST_TOKENIZER}

    def __init__(self, table: TokenTable, tokenizer: Tokenizer) -> None:
        self._table, self._tokenizer = table, tokenizer

    @classmethod
    def columns(cls, spec: Mapping[str, Any]) -> int:
        return whole(spec, "width", 1, MOST_FEATURES)

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
    """What a public, pre-trained encoder makes of a text: a vector of length `scale`, see `Bert`.

    Its floats are rounded to integers at once: another machine may get a number that differs by one at 2^10, in rows of
    its own. A description has:

    * weights: safetensors with the names of Hugging Face's BertModel; float32 or float16.
    * tokenizer: as in `tokenizer.json`.
    * width: of the encoder.
    * heads: of each layer, 1 to 64.
    * pooling: "mean" or "cls".
    * longest: most tokens of a text, 1 to 512; what lies beyond is cut off.
    * scale: length of a row, 1 to 64. Its numbers are then about scale / sqrt(width) in size.
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
            whole(spec, key, 1, most)
        if spec["pooling"] not in POOLINGS:
            raise FeatureError(f"pooling must be one of {', '.join(POOLINGS)}")
        return whole(spec, "width", 1, MOST_FEATURES)

    @classmethod
    def load(cls, spec: Mapping[str, Any]) -> Self:
        width = cls.columns(spec)
        bert = Bert.from_tensors(load_weights(spec["weights"]), heads=spec["heads"], pooling=spec["pooling"])
        _require_width(bert.width, width)
        return cls(bert, Tokenizer(spec["tokenizer"]), spec["longest"], spec["scale"])

    def transform(self, texts: Sequence[str]) -> Integers:
        tokens = self._tokenizer.tokens(texts, longest=self._longest, special=True)
        lengths = np.array([len(one) for one in tokens], dtype=np.int64)
        rows = np.zeros((len(texts), self._bert.width), dtype=np.int64)

        def encode(places: Integers) -> None:
            with np.errstate(over="ignore", invalid="ignore"):
                vectors = self._bert.encode(np.stack([tokens[place] for place in places]))
            if not np.isfinite(vectors).all():
                raise FeatureError(f"row {int(places[0])} and others: the encoder's numbers overflow")
            rows[places] = np.rint(vectors * np.float32(self._scale * ONE))

        with _one_thread_each(), ThreadPoolExecutor(cores()) as pool:
            # The longest first: the last to be done are then the shortest.
            list(pool.map(encode, _batches(lengths)[::-1]))
        return clip(rows)

    def typical(self, count: int, generator: np.random.Generator) -> Integers:
        return _directions(count, self._bert.width, self._scale, generator)


#: Everything a spec may ask for.
TEXT_STEPS: dict[str, type[Ngrams] | type[TokenAverages] | type[Sentences]] = {
    step.name: step for step in (Ngrams, TokenAverages, Sentences)
}


def _batches(lengths: Integers) -> list[Integers]:
    """Places of texts with as many tokens as each other, not too many at once; those without any are left out."""
    found = []
    for length in np.unique(lengths[lengths > 0]):
        places = np.flatnonzero(lengths == length)
        texts = max(TOKENS_AT_ONCE // int(length), 1)
        found += [places[start : start + texts] for start in range(0, len(places), texts)]
    return found


def _one_thread_each() -> AbstractContextManager[Any]:
    """BLAS with one thread, since each batch has one: twice as many as cores are slower than either."""
    try:
        limits: AbstractContextManager[Any] = import_module("threadpoolctl").threadpool_limits(1, user_api="blas")
    except ImportError:
        return nullcontext()
    return limits


def _directions(count: int, width: int, length: int, generator: np.random.Generator) -> Integers:
    """Rows of so great a length, each direction as likely as any."""
    drawn = generator.normal(size=(count, width))
    lengths = np.maximum(np.linalg.norm(drawn, axis=1, keepdims=True), math.ulp(1.0))
    return clip(np.rint(drawn / lengths * (length << FRACTION_BITS)).astype(np.int64))


def _require_width(found: int, said: int) -> None:
    if found != said:
        raise FeatureError(f"{found} columns, and its description says {said}")
