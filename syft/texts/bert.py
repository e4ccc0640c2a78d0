"""BERT's transformer encoder in numpy, for published sentence encoders.

Devlin, Chang, Lee and Toutanova, "BERT: Pre-training of deep bidirectional transformers for language understanding",
2019; pooled and normalised as in Reimers and Gurevych, "Sentence-BERT", 2019. Numbers are float32: results may differ
in their last digits between machines, and between batches.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from syft.errors import FeatureError

Floats = NDArray[np.float32]

#: Limits of an encoder, about four times the width and depth of all-MiniLM-L6-v2.
MOST_LAYERS = 24
LARGEST_WIDTH = 1 << 10
LARGEST_INNER = 1 << 12
LARGEST_VOCABULARY = 1 << 18
#: Largest number of tokens per text, special ones included.
LONGEST = 512
POOLINGS = ("mean", "cls")

#: Tokens per batch, so that their activations stay in a core's cache.
TOKENS_PER_BATCH = 768
#: Numbers per call of an elementwise function, for the same reason.
_BLOCK = 1 << 14
_EPSILON = np.float32(1e-12)


@dataclass(frozen=True, eq=False)
class _Dense:
    """x @ weights + bias."""

    weights: Floats
    bias: Floats

    def __call__(self, rows: Floats) -> Floats:
        sums: Floats = rows @ self.weights
        sums += self.bias
        return sums


@dataclass(frozen=True, eq=False)
class _Norm:
    """Layer normalisation (Ba, Kiros and Hinton, 2016), over the last axis, in place."""

    gain: Floats
    bias: Floats

    def __call__(self, rows: Floats) -> Floats:
        rows -= rows.mean(axis=-1, keepdims=True)
        variance = np.einsum("ij,ij->i", rows, rows)[:, None] / np.float32(rows.shape[-1])
        rows /= np.sqrt(variance + _EPSILON)
        rows *= self.gain
        rows += self.bias
        return rows


@dataclass(frozen=True, eq=False)
class _Layer:
    """Self-attention and a feed-forward network, each with a residual connection and layer normalisation."""

    heads: int
    attention: _Dense
    attended: _Dense
    attention_norm: _Norm
    inner: _Dense
    outer: _Dense
    outer_norm: _Norm

    def __call__(self, rows: Floats, texts: int) -> Floats:
        """Activations of the tokens of `texts` texts of equal length, shape (texts x length, width)."""
        mixed = self.attended(self._attend(rows, texts))
        mixed += rows
        rows = self.attention_norm(mixed)
        outer = self.outer(gelu(self.inner(rows)))
        outer += rows
        return self.outer_norm(outer)

    def _attend(self, rows: Floats, texts: int) -> Floats:
        width = rows.shape[1]
        # Shape (3, texts, heads, length, width of a head).
        split = self.attention(rows).reshape(texts, -1, 3, self.heads, width // self.heads).transpose(2, 0, 3, 1, 4)
        queries, keys, values = split
        scores = queries @ keys.swapaxes(-1, -2)
        scores *= np.float32(1 / math.sqrt(width // self.heads))
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        mixed: Floats = (scores @ values).swapaxes(1, 2).reshape(rows.shape)
        return mixed


@dataclass(frozen=True, eq=False)
class Bert:
    """A sentence encoder from tokens to a vector of L2 norm 1.

    Attributes:
        words: embeddings of tokens, shape (vocabulary, width).
        positions: embeddings of positions plus that of the first token type, shape (positions, width).
        norm: layer normalisation of the sum of both.
        layers: of the transformer.
        pooling: "mean" of all tokens, or "cls" for the first token alone.
    """

    words: Floats
    positions: Floats
    norm: _Norm
    layers: tuple[_Layer, ...]
    pooling: str

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[Any]], *, heads: int, pooling: str) -> Self:
        """The encoder of untrusted weights under the names of Hugging Face's BertModel.

        Args:
            tensors: finite floats by name. Tensors that are not needed, such as the pooler's, are ignored.
            heads: attention heads per layer.
            pooling: one of `POOLINGS`.

        Raises:
            FeatureError: a tensor is missing or has a wrong shape, or the encoder exceeds a limit.
        """
        parts = _Parts(tensors)
        words = parts.take("embeddings.word_embeddings.weight", None, None)
        vocabulary, width = words.shape
        if not 1 <= width <= LARGEST_WIDTH or not 1 <= vocabulary <= LARGEST_VOCABULARY:
            raise FeatureError(
                f"an encoder of {vocabulary} tokens and width {width} exceeds the limits of "
                f"{LARGEST_VOCABULARY} tokens and width {LARGEST_WIDTH}"
            )
        if width % heads:
            raise FeatureError(f"a width of {width} is not a multiple of {heads} heads")
        positions = parts.take("embeddings.position_embeddings.weight", None, width)
        types = parts.take("embeddings.token_type_embeddings.weight", None, width)
        if not len(positions) or not len(types):
            raise FeatureError("an encoder needs embeddings of at least one position and one token type")
        return cls(
            words,
            positions[:LONGEST] + types[0],
            parts.norm("embeddings.LayerNorm", width),
            tuple(parts.layer(f"encoder.layer.{index}", width, heads) for index in range(parts.layers())),
            pooling,
        )

    @property
    def width(self) -> int:
        """Length of an output vector."""
        return int(self.words.shape[1])

    def encode(self, texts: NDArray[np.int64]) -> Floats:
        """Vectors of texts of equal length, float32, shape (texts, width).

        Args:
            texts: indices of tokens in the vocabulary, shape (texts, length), both at least 1.

        Raises:
            FeatureError: a token outside of the vocabulary, or more tokens than the encoder has positions.
        """
        count, length = texts.shape
        if length > len(self.positions):
            raise FeatureError(f"{length} tokens, but the encoder takes at most {len(self.positions)}")
        if int(texts.min()) < 0 or int(texts.max()) >= len(self.words):
            raise FeatureError(f"a token outside of the encoder's vocabulary of {len(self.words)}")
        rows: Floats = self.norm((self.words[texts] + self.positions[:length]).reshape(count * length, self.width))
        for layer in self.layers:
            rows = layer(rows, count)
        tokens = rows.reshape(count, length, self.width)
        pooled: Floats = tokens[:, 0] if self.pooling == "cls" else tokens.mean(axis=1)
        lengths = np.linalg.norm(pooled, axis=1, keepdims=True)
        unit: Floats = pooled / np.maximum(lengths, np.float32(1e-12))
        return unit


def gelu(numbers: Floats) -> Floats:
    """GELU, x P(X <= x) for a standard normal X, in place (Hendrycks and Gimpel, 2016).

    Computed as max(x, 0) - |x| P(X > |x|), with the tail by Abramowitz and Stegun, "Handbook of mathematical
    functions", 7.1.26, whose error of erf is at most 1.5e-7, about the last digit of float32.
    """
    flat = numbers.reshape(-1)
    buffers = np.empty((4, min(_BLOCK, flat.size)), dtype=np.float32)
    for start in range(0, flat.size, _BLOCK):
        part = flat[start : start + _BLOCK]
        size, share, bell, tail = buffers[:, : part.size]
        np.abs(part, out=size)
        np.multiply(part, part, out=bell)
        bell *= np.float32(-0.5)
        np.exp(bell, out=bell)
        np.multiply(size, np.float32(0.3275911 * math.sqrt(0.5)), out=share)
        share += np.float32(1)
        np.reciprocal(share, out=share)
        np.multiply(share, np.float32(0.5 * 1.061405429), out=tail)
        for term in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
            tail += np.float32(0.5 * term)
            tail *= share
        tail *= bell
        tail *= size
        np.maximum(part, np.float32(0), out=part)
        part -= tail
    return numbers


@dataclass(frozen=True, eq=False)
class _Parts:
    """Untrusted tensors by name, each read with a check of its shape."""

    tensors: Mapping[str, NDArray[Any]]

    def take(self, name: str, *shape: int | None) -> Floats:
        """A tensor of a given shape, in which None means any size. Raises FeatureError."""
        found = self.tensors.get(name, self.tensors.get(f"bert.{name}"))
        if found is None:
            raise FeatureError(f"the encoder's weights have no tensor {name!r}")
        valid = found.ndim == len(shape) and all(
            size in (None, have) for size, have in zip(shape, found.shape, strict=True)
        )
        if not valid or found.dtype.kind != "f":
            wanted = " x ".join("any" if size is None else str(size) for size in shape)
            raise FeatureError(
                f"tensor {name!r} is {found.dtype} of shape {found.shape}: floats of shape {wanted} are needed"
            )
        return np.ascontiguousarray(found, dtype=np.float32)

    def layers(self) -> int:
        """The number of layers."""
        prefix = "encoder.layer."
        numbers = [
            name.removeprefix("bert.").removeprefix(prefix).split(".")[0] for name in self.tensors if prefix in name
        ]
        count = len(set(numbers))
        if not 1 <= count <= MOST_LAYERS:
            raise FeatureError(f"an encoder of {count} layers: 1 to {MOST_LAYERS} are supported")
        return count

    def layer(self, prefix: str, width: int, heads: int) -> _Layer:
        inner = self.take(f"{prefix}.intermediate.dense.weight", None, width)
        if not 1 <= len(inner) <= LARGEST_INNER:
            raise FeatureError(f"an encoder with layers of {len(inner)} units: 1 to {LARGEST_INNER} are supported")
        attention = f"{prefix}.attention.self"
        return _Layer(
            heads,
            self.dense([f"{attention}.{part}" for part in ("query", "key", "value")], width, width),
            self.dense([f"{prefix}.attention.output.dense"], width, width),
            self.norm(f"{prefix}.attention.output.LayerNorm", width),
            self.dense([f"{prefix}.intermediate.dense"], width, len(inner)),
            self.dense([f"{prefix}.output.dense"], len(inner), width),
            self.norm(f"{prefix}.output.LayerNorm", width),
        )

    def dense(self, names: Sequence[str], inputs: int, outputs: int) -> _Dense:
        """One dense layer, or several with the same inputs, concatenated."""
        weights = np.concatenate([self.take(f"{name}.weight", outputs, inputs) for name in names])
        biases = np.concatenate([self.take(f"{name}.bias", outputs) for name in names])
        return _Dense(np.ascontiguousarray(weights.T), biases)

    def norm(self, name: str, width: int) -> _Norm:
        return _Norm(self.take(f"{name}.weight", width), self.take(f"{name}.bias", width))
