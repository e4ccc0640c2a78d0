"""Texts as columns of a row, by public tables and encoders that are named by content address."""

from syft.texts.columns import TextColumns, blob_limits
from syft.texts.describe import encoder, hashed_ngrams, token_table
from syft.texts.steps import TEXT_STEPS
from syft.texts.tokenizer import Tokenizer
from syft.texts.weights import load_weights

__all__ = [
    "TEXT_STEPS",
    "TextColumns",
    "Tokenizer",
    "blob_limits",
    "encoder",
    "hashed_ngrams",
    "load_weights",
    "token_table",
]
