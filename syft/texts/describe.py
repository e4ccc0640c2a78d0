"""Descriptions of text steps, with the blobs in them: what a Data Scientist publishes of tables and encoders."""

from __future__ import annotations

from typing import Any

from syft import wire
from syft.nn.text import HashedNgrams
from syft.nn.tokens import TokenTable
from syft.texts.bert import Bert
from syft.texts.steps import Ngrams, Sentences, TokenAverages
from syft.texts.weights import load_weights

Description = dict[str, Any]


def hashed_ngrams(hashed: HashedNgrams) -> Description:
    """Hashed n-grams."""
    return {"step": Ngrams.name, **hashed.to_spec()}


def token_table(table: TokenTable, tokenizer: bytes) -> Description:
    """Averages over a table.

    Args:
        table: of the vocabulary.
        tokenizer: JSON of Hugging Face's library.
    """
    published = wire.dumps_arrays(table.to_tensors())
    return {"step": TokenAverages.name, "table": published, "tokenizer": tokenizer, "width": table.table.shape[1]}


def encoder(
    weights: bytes, tokenizer: bytes, *, heads: int, pooling: str = "mean", longest: int = 128, scale: int = 16
) -> Description:
    """A pre-trained encoder; see `Sentences`.

    Args:
        weights: safetensors, as published.
        tokenizer: JSON of Hugging Face's library, as published.
        heads, pooling: as its `config.json` and `1_Pooling/config.json` say.
        longest: most tokens of a text.
        scale: length of a row.

    Raises:
        WeightsError, FeatureError: they are no such encoder.
    """
    width = Bert.from_tensors(load_weights(weights), heads=heads, pooling=pooling).width
    own = {"width": width, "heads": heads, "pooling": pooling, "longest": longest, "scale": scale}
    return {"step": Sentences.name, "weights": weights, "tokenizer": tokenizer, **own}
