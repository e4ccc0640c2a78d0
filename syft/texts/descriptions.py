"""Specs of text stages with their blobs inline, as a Data Scientist publishes them."""

from __future__ import annotations

from typing import Any

from syft import wire
from syft.texts.bert import Bert
from syft.texts.ngrams import HashedNgrams
from syft.texts.stages import Ngrams, Sentences, TokenAverages
from syft.texts.token_tables import TokenTable
from syft.texts.weights import load_weights

#: A stage's spec: its name under "step", and its parameters.
Description = dict[str, Any]


def hashed_ngrams(hashed: HashedNgrams) -> Description:
    """The spec of hashed n-grams."""
    return {"step": Ngrams.name, **hashed.to_spec()}


def token_table(table: TokenTable, tokenizer: bytes) -> Description:
    """The spec of the mean of a token table.

    Args:
        table: of the tokenizer's vocabulary.
        tokenizer: `tokenizer.json` of Hugging Face's tokenizers.
    """
    published = wire.dumps_arrays(table.to_tensors())
    return {"step": TokenAverages.name, "table": published, "tokenizer": tokenizer, "width": table.table.shape[1]}


def encoder(
    weights: bytes, tokenizer: bytes, *, heads: int, pooling: str = "mean", longest: int = 128, scale: int = 16
) -> Description:
    """The spec of a pre-trained encoder; see `Sentences`.

    Args:
        weights: safetensors, as published.
        tokenizer: `tokenizer.json` of Hugging Face's tokenizers, as published.
        heads, pooling: as stated in its `config.json` and `1_Pooling/config.json`.
        longest: largest number of tokens per text; longer texts are truncated.
        scale: L2 norm of a row, 1 to 64.

    Raises:
        WeightsError, FeatureError: the weights are not those of a supported encoder.
    """
    width = Bert.from_tensors(load_weights(weights), heads=heads, pooling=pooling).width
    own = {"width": width, "heads": heads, "pooling": pooling, "longest": longest, "scale": scale}
    return {"step": Sentences.name, "weights": weights, "tokenizer": tokenizer, **own}
