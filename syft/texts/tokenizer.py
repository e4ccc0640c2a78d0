"""Published tokenizers: `tokenizer.json` of Hugging Face's tokenizers, restricted to parts of bounded cost.

Such a tokenizer is a small program: rules that rewrite a text, split it, and look up the pieces. Supported are rules
whose time and memory are linear in the length of the text: no regular expressions by its author, no rule that makes a
text much longer, no randomness, and tables of limited length.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from syft.bounded_json import parse_json
from syft.errors import ExtraMissingError, TokenizerError
from syft.integers import is_integer_in

#: Largest size of a tokenizer in bytes.
LARGEST_TOKENIZER = 32 << 20
LARGEST_VOCABULARY = 1 << 18
MOST_MERGES = 1 << 19
MOST_ADDED = 1 << 10
#: Longest added token, and longest word that is split into pieces, in code points.
LONGEST_ADDED = 256
LONGEST_WORD = 1_000
#: Largest number of rules of a kind, and their largest size in bytes.
MOST_RULES = 16
LARGEST_RULES = 1 << 16
#: Longest text that a rule may insert, in code points.
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
#: The key under which a Sequence of each kind lists its rules.
_PARTS = {"normalizer": "normalizers", "pre_tokenizer": "pretokenizers", "post_processor": "processors"}
_TEXTS_PER_BATCH = 1 << 10


class Tokenizer:
    """A published tokenizer, from texts to indices of tokens in its vocabulary.

    Args:
        data: its untrusted JSON.

    Raises:
        TokenizerError: it is malformed, or has an unsupported part, which the message names.
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
        """Token indices of each text, int64.

        Args:
            texts: without lone surrogates.
            longest: number of tokens, special ones included, to which a text is truncated.
            special: True to add the tokenizer's special tokens, such as those for beginning and end.

        Raises:
            TokenizerError: the tokenizer fails on a text, or adds `longest` special tokens or more.
        """
        if special and _guarded(self._tokenizer.num_special_tokens_to_add, False) >= longest:
            raise TokenizerError(f"it adds as many special tokens as a text may have tokens, {longest}")
        _guarded(self._tokenizer.enable_truncation, longest)
        found = []
        for start in range(0, len(texts), _TEXTS_PER_BATCH):
            batch = list(texts[start : start + _TEXTS_PER_BATCH])
            encodings = _guarded(self._tokenizer.encode_batch_fast, batch, add_special_tokens=special)
            found += [np.array(encoding.ids, dtype=np.int64) for encoding in encodings]
        return found


def _guarded(call: Any, *arguments: Any, **named: Any) -> Any:
    """Calls the library. Its panics are not Exceptions, and its errors have no class of their own."""
    try:
        return call(*arguments, **named)
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise TokenizerError(f"rejected by the library: {str(error)[:120]}") from None


def _checked(data: bytes) -> dict[str, Any]:
    """The validated document, without the parts that are not used. Raises TokenizerError."""
    _require(len(data) <= LARGEST_TOKENIZER, f"{len(data)} bytes exceed the limit of {LARGEST_TOKENIZER}")
    try:
        document = parse_json(data.decode("utf-8"))
    except ValueError:
        raise TokenizerError("not JSON") from None
    _require(isinstance(document, dict) and set(document) <= _TOP | {"model"}, "it has unknown parts")
    _check_model(document.get("model"))
    _check_added(document.get("added_tokens") or [])
    for kind, names in _RULES.items():
        _check_rules(kind, document.get(kind), names)
    return {**document, "truncation": None, "padding": None, "decoder": None}


def _check_model(model: Any) -> None:
    _require(isinstance(model, dict) and model.get("type") in _MODELS, f"its model is none of {', '.join(_MODELS)}")
    vocabulary, merges = model.get("vocab"), model.get("merges", [])
    for table, most in ((vocabulary, LARGEST_VOCABULARY), (merges, MOST_MERGES)):
        valid = isinstance(table, dict | list) and len(table) <= most
        _require(valid, f"its model has no vocabulary, more than {LARGEST_VOCABULARY} tokens, or too many merges")
    _require(bool(vocabulary), "its vocabulary is empty")
    if isinstance(vocabulary, dict):
        valid = all(is_integer_in(index, 0, LARGEST_VOCABULARY - 1) for index in vocabulary.values())
        _require(valid, f"its vocabulary has an index that is not from 0 to {LARGEST_VOCABULARY - 1}")
    _require(not model.get("dropout"), "its dropout makes the tokens of a text random")
    _require(
        is_integer_in(model.get("max_input_chars_per_word", LONGEST_WORD), 1, LONGEST_WORD),
        f"it splits words of more than {LONGEST_WORD} characters",
    )


def _check_added(added: Any) -> None:
    _require(isinstance(added, list) and len(added) <= MOST_ADDED, f"it adds more than {MOST_ADDED} tokens")
    for token in added:
        valid = isinstance(token, dict) and isinstance(token.get("content"), str)
        _require(valid and 0 < len(token["content"]) <= LONGEST_ADDED, "an added token is empty or too long")
        _require(is_integer_in(token.get("id"), 0, LARGEST_VOCABULARY - 1), "an added token has no valid index")


def _check_rules(kind: str, rules: Any, names: Sequence[str]) -> None:
    if rules is None:
        return
    _require(len(json.dumps(rules)) <= LARGEST_RULES, f"its {kind} has more than {LARGEST_RULES} bytes")
    found = list(_flat(kind, rules, 0))
    _require(len(found) <= MOST_RULES, f"its {kind} has more than {MOST_RULES} rules")
    for rule in found:
        name = rule.get("type")
        _require(name in names, f"its {kind} has a rule {str(name)[:40]!r}: supported are {', '.join(names)}")
        if name == "Prepend":
            insert = rule.get("prepend")
            valid = isinstance(insert, str) and len(insert) <= LONGEST_INSERT
            _require(valid, f"it prepends more than {LONGEST_INSERT} characters to a text")
        if name == "Replace":
            _check_replace(rule)


def _check_replace(rule: Mapping[str, Any]) -> None:
    """Checks that a Replace rule makes no text longer and has no regular expression. Raises TokenizerError."""
    pattern, content = rule.get("pattern"), rule.get("content")
    if not isinstance(pattern, dict) or set(pattern) != {"String"}:
        raise TokenizerError("it replaces by a regular expression")
    found = pattern["String"]
    if not isinstance(found, str) or not isinstance(content, str) or not found or len(content) > len(found):
        raise TokenizerError("it replaces an empty text, or a text by a longer one")


def _flat(kind: str, rules: Any, depth: int) -> Iterator[dict[str, Any]]:
    """The rules of nested sequences. Raises TokenizerError."""
    _require(isinstance(rules, dict) and depth <= MOST_RULES, f"its {kind} is not a rule")
    yield rules
    if rules.get("type") == "Sequence":
        parts = rules.get(_PARTS[kind])
        _require(isinstance(parts, list), f"its {kind} is not a sequence of rules")
        for part in parts:
            yield from _flat(kind, part, depth + 1)


def _require(condition: bool, why: str) -> None:
    if not condition:
        raise TokenizerError(why)
