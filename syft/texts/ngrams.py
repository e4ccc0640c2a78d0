"""Hashed n-grams of texts, in integer arithmetic that gives the same row in any programming language."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from syft.errors import FeatureError
from syft.integers import Integers, is_integer_in
from syft.nn.fixed_point import FRACTION_BITS
from syft.nn.layers import MOST_FEATURES

#: Longest text, in code points.
LONGEST_TEXT = 1 << 16

_LONGEST_NGRAM = 8
_DIGEST_BYTES = 8
#: ASCII letters, digits, and everything beyond ASCII: independent of the version of Unicode.
_WORD = re.compile("[a-z0-9\u0080-\U0010ffff]+")
_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}

_Range = tuple[int, int]


@dataclass(frozen=True)
class HashedNgrams:
    """Counts of n-grams in `n_features` buckets, as a row of L2 norm 1.

    Letters A to Z are lowercased. A word is a maximal run of a-z, 0-9 and code points from 128. An n-gram of words is n
    consecutive words, joined by spaces; an n-gram of characters is n consecutive code points of a word with a space
    before and after it. The digest of an n-gram is the 8-byte BLAKE2b digest (RFC 7693), as a big-endian integer, of
    "w" or "c" followed by its UTF-8 bytes. An n-gram adds 1 to the bucket floor(digest / 2) mod n_features; with
    alternate_sign, it subtracts 1 if the digest is odd. The row of counts c is sign(c) floor(2^10 |c| / |c|_2), in
    integers isqrt(2^20 c^2 // sum of c^2); a text without n-grams gives zeros.

    Feature hashing: Weinberger, Dasgupta, Langford, Smola and Attenberg, "Feature hashing for large scale multitask
    learning", 2009. The names are those of scikit-learn's HashingVectorizer.

    Attributes:
        n_features: buckets, 1 to 2^16.
        words: least and largest n of n-grams of words, 1 to 8; None for no such n-grams.
        characters: least and largest n of n-grams of characters, 1 to 8; None for no such n-grams.
        alternate_sign: if True, n-grams that share a bucket cancel on average, and entries are from -1 to 1. If False,
            entries are from 0 to 1, like the rows of a Campaign.

    Raises:
        FeatureError: a parameter outside of its range, or neither words nor characters.
    """

    n_features: int = 1024
    words: _Range | None = (1, 2)
    characters: _Range | None = (3, 4)
    alternate_sign: bool = False

    def __post_init__(self) -> None:
        if not is_integer_in(self.n_features, 1, MOST_FEATURES):
            raise FeatureError(f"n_features must be an integer from 1 to {MOST_FEATURES}")
        if not isinstance(self.alternate_sign, bool):
            raise FeatureError("alternate_sign must be true or false")
        if self.words is None and self.characters is None:
            raise FeatureError("n-grams of words, of characters, or of both are needed")
        for name, ends in (("words", self.words), ("characters", self.characters)):
            if ends is None:
                continue
            if (
                not isinstance(ends, tuple)
                or len(ends) != 2
                or not all(is_integer_in(n, 1, _LONGEST_NGRAM) for n in ends)
            ):
                raise FeatureError(f"{name} must be two integers from 1 to {_LONGEST_NGRAM}, or null")
            if ends[0] > ends[1]:
                raise FeatureError(f"{name} must be the least and the largest n, in this order")

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Self:
        """The map of a spec, as `to_spec` returns it.

        Raises:
            FeatureError: the spec is not valid.
        """
        known = ("n_features", "words", "characters", "alternate_sign")
        if not isinstance(spec, Mapping) or set(spec) != set(known):
            raise FeatureError(f"hashed n-grams take {', '.join(known)}")
        ranges = {name: tuple(spec[name]) if isinstance(spec[name], list) else spec[name] for name in known[1:3]}
        return cls(**{**spec, **ranges})

    def to_spec(self) -> dict[str, Any]:
        """The parameters, as JSON can hold them."""
        own = asdict(self)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in own.items()}

    def transform(self, texts: Iterable[str]) -> Integers:
        """Rows of texts: int64, shape (n, n_features), 2^10 for 1.0.

        Raises:
            FeatureError: a row is not a string, contains a lone surrogate, or has more than 2^16 code points.
        """
        buckets: dict[str, tuple[int, int]] = {}
        rows = [self._row(index, text, buckets) for index, text in enumerate(texts)]
        return np.array(rows, dtype=np.int64).reshape(len(rows), self.n_features)

    def _row(self, index: int, text: str, buckets: dict[str, tuple[int, int]]) -> Integers:
        check_text(index, text)
        row = np.zeros(self.n_features, dtype=np.int64)
        for ngram, count in Counter(self._ngrams(text)).items():
            if ngram not in buckets:
                buckets[ngram] = self._bucket(ngram)
            bucket, sign = buckets[ngram]
            row[bucket] += sign * count
        return _normalised(row)

    def _ngrams(self, text: str) -> Iterator[str]:
        words = _WORD.findall(text.translate(_LOWER))
        if self.words is not None:
            for length in range(self.words[0], self.words[1] + 1):
                yield from ("w" + " ".join(words[i : i + length]) for i in range(len(words) - length + 1))
        if self.characters is not None:
            for word in (f" {word} " for word in words):
                for length in range(self.characters[0], self.characters[1] + 1):
                    yield from ("c" + word[i : i + length] for i in range(len(word) - length + 1))

    def _bucket(self, ngram: str) -> tuple[int, int]:
        """The bucket of an n-gram, and the sign with which it counts."""
        digest = int.from_bytes(hashlib.blake2b(ngram.encode(), digest_size=_DIGEST_BYTES).digest(), "big")
        return (digest >> 1) % self.n_features, -1 if self.alternate_sign and digest & 1 else 1


def check_text(index: int, text: object) -> str:
    """A row's text, if it is one. Raises FeatureError."""
    if not isinstance(text, str) or len(text) > LONGEST_TEXT:
        raise FeatureError(f"row {index}: a string of at most {LONGEST_TEXT} code points is needed")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise FeatureError(f"row {index}: the text contains a lone surrogate, which has no UTF-8 encoding") from None
    return text


def _normalised(counts: Integers) -> Integers:
    """Counts scaled to L2 norm 1, 2^10 for 1.0."""
    total = int(np.square(counts).sum())
    row = np.zeros_like(counts)
    for index in np.flatnonzero(counts):
        count = int(counts[index])
        row[index] = math.isqrt((count * count << 2 * FRACTION_BITS) // total) * (1 if count > 0 else -1)
    return row
