"""Tokenizers that somebody published, as the JSON of Hugging Face's library: only parts whose work is bounded.

A tokenizer of that form is a small program: rules that rewrite a text, cut it, and look pieces up. Taken are those
whose time and memory grow with the text alone: no regular expression of its author's, no rule that makes a text much
longer, no randomness, tables of limited length.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from syft.errors import ExtraMissingError, TokenizerError
from syft.nested import parse_json
from syft.whole import is_whole

#: Most bytes of a tokenizer.
LARGEST_TOKENIZER = 32 << 20
LARGEST_VOCABULARY = 1 << 18
MOST_MERGES = 1 << 19
MOST_ADDED = 1 << 10
#: Longest token that is looked for before all else, and longest word that is cut into pieces, in code points.
LONGEST_ADDED = 256
LONGEST_WORD = 1_000
#: Most rules in all, and most bytes of those that are not tables.
MOST_RULES = 16
LARGEST_RULES = 1 << 16
#: Longest text that a rule may put in.
LONGEST_INSERT = 16

_TOP = {"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder"}
_MODELS = ("WordPiece", "BPE", "Unigram", "WordLevel")
_RULES = {
    "normalizer": (
        "BertNormalizer",
        "Lowercase",
        "NFC",
        "NFD",
        "NFKC",
        "NFKD",
        "Prepend",
        "Replace",
        "Sequence",
        "Strip",
        "StripAccents",
    ),
    "pre_tokenizer": (
        "BertPreTokenizer",
        "ByteLevel",
        "Digits",
        "Metaspace",
        "Punctuation",
        "Sequence",
        "Whitespace",
        "WhitespaceSplit",
    ),
    "post_processor": ("BertProcessing", "ByteLevel", "RobertaProcessing", "Sequence", "TemplateProcessing"),
}
#: Where each kind keeps the rules that it is a sequence of.
_PARTS = {"normalizer": "normalizers", "pre_tokenizer": "pretokenizers", "post_processor": "processors"}
_TEXTS_AT_ONCE = 1 << 10


class Tokenizer:
    """A published tokenizer. Texts in, places of tokens in its vocabulary out.

    Args:
        data: its JSON, from a stranger.

    Raises:
        TokenizerError: it is none, or has a part that is not taken; says which.
        ExtraMissingError: the package tokenizers is not installed.
    """

    def __init__(self, data: bytes) -> None:
        document = _checked(data)
        try:
            library = import_module("tokenizers")
        except ImportError:
            raise ExtraMissingError("tokenizers", "text") from None
        self.data = data
        self._tokenizer = _guarded(library.Tokenizer.from_str, json.dumps(document))

    def tokens(self, texts: Sequence[str], *, longest: int, special: bool) -> list[NDArray[np.int64]]:
        """The tokens of each text, cut off at so many.

        Args:
            texts: without halves of surrogate pairs.
            longest: most tokens of a text, special ones included.
            special: whether the tokenizer's marks of beginning and end are put in.

        Raises:
            TokenizerError: a text that it fails on.
        """
        if special and _guarded(self._tokenizer.num_special_tokens_to_add, False) >= longest:
            raise TokenizerError(f"it adds as many tokens to a text as there may be in all, {longest}")
        _guarded(self._tokenizer.enable_truncation, longest)
        found = []
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            some = list(texts[start : start + _TEXTS_AT_ONCE])
            encodings = _guarded(self._tokenizer.encode_batch_fast, some, add_special_tokens=special)
            found += [np.array(encoding.ids, dtype=np.int64) for encoding in encodings]
        return found


def _guarded(call: Any, *arguments: Any, **named: Any) -> Any:
    """What a call into the library returns. Its panics are no Exceptions, and its errors are of no class of theirs."""
    try:
        return call(*arguments, **named)
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise TokenizerError(f"the library refuses it: {str(error)[:120]}") from None


def _checked(data: bytes) -> dict[str, Any]:
    """The document without what is not used. Raises TokenizerError."""
    _require(len(data) <= LARGEST_TOKENIZER, f"{len(data)} bytes: at most {LARGEST_TOKENIZER} are read")
    try:
        document = parse_json(data.decode("utf-8"))
    except ValueError:
        raise TokenizerError("it is not JSON") from None
    _require(isinstance(document, dict) and set(document) <= _TOP | {"model"}, "it has parts that are not known")
    _check_model(document.get("model"))
    _check_added(document.get("added_tokens") or [])
    for kind, names in _RULES.items():
        _check_rules(kind, document.get(kind), names)
    return {**document, "truncation": None, "padding": None, "decoder": None}


def _check_model(model: Any) -> None:
    _require(isinstance(model, dict) and model.get("type") in _MODELS, f"its model is none of {', '.join(_MODELS)}")
    vocabulary, merges = model.get("vocab"), model.get("merges", [])
    for table, most in ((vocabulary, LARGEST_VOCABULARY), (merges, MOST_MERGES)):
        sound = isinstance(table, dict | list) and len(table) <= most
        _require(sound, f"its model has no vocabulary, or one of more than {LARGEST_VOCABULARY}, or too many merges")
    _require(bool(vocabulary), "its vocabulary is empty")
    if isinstance(vocabulary, dict):
        sound = all(is_whole(place, 0, LARGEST_VOCABULARY - 1) for place in vocabulary.values())
        _require(sound, f"its vocabulary has a place that is not from 0 to {LARGEST_VOCABULARY - 1}")
    _require(not model.get("dropout"), "it drops merges at random: no two readings of a text would agree")
    _require(
        is_whole(model.get("max_input_chars_per_word", LONGEST_WORD), 1, LONGEST_WORD),
        f"it cuts words of more than {LONGEST_WORD} letters into pieces",
    )


def _check_added(added: Any) -> None:
    _require(isinstance(added, list) and len(added) <= MOST_ADDED, f"it adds more than {MOST_ADDED} tokens")
    for token in added:
        sound = isinstance(token, dict) and isinstance(token.get("content"), str)
        _require(sound and 0 < len(token["content"]) <= LONGEST_ADDED, "a token that it adds is empty or too long")
        _require(is_whole(token.get("id"), 0, LARGEST_VOCABULARY - 1), "a token that it adds has no place")


def _check_rules(kind: str, rules: Any, names: Sequence[str]) -> None:
    if rules is None:
        return
    _require(len(json.dumps(rules)) <= LARGEST_RULES, f"its {kind} has more than {LARGEST_RULES} bytes")
    found = list(_flat(kind, rules, 0))
    _require(len(found) <= MOST_RULES, f"its {kind} has more than {MOST_RULES} rules")
    for rule in found:
        name = rule.get("type")
        _require(name in names, f"its {kind} has a rule {str(name)[:40]!r}: taken are {', '.join(names)}")
        if name == "Prepend":
            insert = rule.get("prepend")
            sound = isinstance(insert, str) and len(insert) <= LONGEST_INSERT
            _require(sound, f"it puts more than {LONGEST_INSERT} letters in front of a text")
        if name == "Replace":
            _check_replace(rule)


def _check_replace(rule: Mapping[str, Any]) -> None:
    """A rule that makes no text longer, and has no regular expression."""
    pattern, content = rule.get("pattern"), rule.get("content")
    if not isinstance(pattern, dict) or set(pattern) != {"String"}:
        raise TokenizerError("it replaces by a regular expression")
    found = pattern["String"]
    if not isinstance(found, str) or not isinstance(content, str) or not found or len(content) > len(found):
        raise TokenizerError("it replaces by a longer text, or something empty")


def _flat(kind: str, rules: Any, depth: int) -> Iterator[dict[str, Any]]:
    _require(isinstance(rules, dict) and depth <= MOST_RULES, f"its {kind} is no rule")
    yield rules
    if rules.get("type") == "Sequence":
        parts = rules.get(_PARTS[kind])
        _require(isinstance(parts, list), f"its {kind} is no sequence of rules")
        for part in parts:
            yield from _flat(kind, part, depth + 1)


def _require(condition: bool, why: str) -> None:
    if not condition:
        raise TokenizerError(why)
