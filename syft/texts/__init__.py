"""Conversion of texts to columns, by hashed n-grams, public token tables and public encoders."""

from syft.texts.descriptions import Description, encoder, hashed_ngrams, token_table
from syft.texts.ngrams import HashedNgrams
from syft.texts.stages import TEXT_STAGES
from syft.texts.text_columns import TextColumns, blob_limits
from syft.texts.token_tables import TokenTable
from syft.texts.tokenizer import Tokenizer
from syft.texts.weights import load_weights

__all__ = [
    "TEXT_STAGES",
    "Description",
    "HashedNgrams",
    "TextColumns",
    "TokenTable",
    "Tokenizer",
    "blob_limits",
    "encoder",
    "hashed_ngrams",
    "load_weights",
    "token_table",
]
