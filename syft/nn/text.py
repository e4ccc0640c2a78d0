"""Texts as rows: hashed n-grams, in integers, so that any language makes the same row of the same text."""

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
from syft.nn.integers import Integers
from syft.nn.steps import FRACTION_BITS
from syft.whole import is_whole

#: Longest text, in code points.
LONGEST_TEXT = 1 << 16

_MOST_FEATURES = 1 << 16
_LONGEST_NGRAM = 8
_DIGEST_BYTES = 8
#: ASCII letters, digits, and everything beyond ASCII: no table of Unicode is needed, and none can differ.
_WORD = re.compile("[a-z0-9\u0080-\U0010ffff]+")
_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}

_Range = tuple[int, int]


@dataclass(frozen=True)
class HashedNgrams:
    """Counts of n-grams in so many buckets, as a row of length 1.

    Letters A to Z become small. A word is a longest run of a-z, 0-9 and code points from 128 up. The n-grams of words
    are n words that follow each other, with a space between; those of characters are n code points that follow each
    other in a word with a space before and after it. The digest of an n-gram is the first 8 bytes, big-endian, of
    BLAKE2b (RFC 7693, digest length 8) of "w" or "c" and its UTF-8 bytes. An n-gram adds 1 to the bucket
    floor(digest / 2) mod n_features, or, with alternate_sign, takes 1 where the digest is odd. Of the counts c the row
    is sign(c) floor(2^10 |c| / |c|_2), in integers isqrt(2^20 c^2 // sum of c^2), and zeros of no n-grams.

    Feature hashing: Weinberger, Dasgupta, Langford, Smola and Attenberg, "Feature hashing for large scale multitask
    learning", 2009. The names are those of scikit-learn's HashingVectorizer.

    Attributes:
        n_features: buckets, 1 to 2^16.
        words: least and most words of an n-gram, 1 to 8; None leaves them out.
        characters: the same of characters.
        alternate_sign: whether n-grams that share a bucket cancel out on average. A row then goes from -1 to 1, and
            else from 0 to 1, as the rows of a Campaign do.

    Raises:
        FeatureError: another number or range, or neither words nor characters.
    """

    n_features: int = 1024
    words: _Range | None = (1, 2)
    characters: _Range | None = (3, 4)
    alternate_sign: bool = False

    def __post_init__(self) -> None:
        if not is_whole(self.n_features, 1, _MOST_FEATURES):
            raise FeatureError(f"n_features must be a whole number from 1 to {_MOST_FEATURES}")
        if not isinstance(self.alternate_sign, bool):
            raise FeatureError("alternate_sign must be true or false")
        if self.words is None and self.characters is None:
            raise FeatureError("n-grams of words, of characters, or of both are needed")
        for name, ends in (("words", self.words), ("characters", self.characters)):
            if ends is None:
                continue
            if not isinstance(ends, tuple) or len(ends) != 2 or not all(is_whole(n, 1, _LONGEST_NGRAM) for n in ends):
                raise FeatureError(f"{name} must be two whole numbers from 1 to {_LONGEST_NGRAM}, or null")
            if ends[0] > ends[1]:
                raise FeatureError(f"{name} must be the least and the most of an n-gram, in this order")

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Self:
        """The map that a dictionary describes, as `to_spec` writes it.

        Raises:
            FeatureError: it describes none.
        """
        known = ("n_features", "words", "characters", "alternate_sign")
        if not isinstance(spec, Mapping) or set(spec) != set(known):
            raise FeatureError(f"hashed n-grams are described by {', '.join(known)}")
        ranges = {name: tuple(spec[name]) if isinstance(spec[name], list) else spec[name] for name in known[1:3]}
        return cls(**{**spec, **ranges})

    def to_spec(self) -> dict[str, Any]:
        """A dictionary that JSON holds."""
        own = asdict(self)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in own.items()}

    def transform(self, texts: Iterable[str]) -> Integers:
        """Rows of texts: int64, shape (n, n_features), 2^10 for 1.0.

        Raises:
            FeatureError: a row is no text, holds half of a surrogate pair, or is longer than 2^16 code points.
        """
        places: dict[str, tuple[int, int]] = {}
        rows = [self._row(place, text, places) for place, text in enumerate(texts)]
        return np.array(rows, dtype=np.int64).reshape(len(rows), self.n_features)

    def _row(self, number: int, text: str, places: dict[str, tuple[int, int]]) -> Integers:
        if not isinstance(text, str) or len(text) > LONGEST_TEXT:
            raise FeatureError(f"row {number}: a text of at most {LONGEST_TEXT} code points is needed")
        row = np.zeros(self.n_features, dtype=np.int64)
        for ngram, count in Counter(self._ngrams(text)).items():
            if ngram not in places:
                try:
                    places[ngram] = self._place(ngram)
                except UnicodeEncodeError:
                    raise FeatureError(f"row {number}: half of a surrogate pair is no text") from None
            bucket, sign = places[ngram]
            row[bucket] += sign * count
        return _of_length_one(row)

    def _ngrams(self, text: str) -> Iterator[str]:
        words = _WORD.findall(text.translate(_LOWER))
        if self.words is not None:
            for length in range(self.words[0], self.words[1] + 1):
                yield from ("w" + " ".join(words[i : i + length]) for i in range(len(words) - length + 1))
        if self.characters is not None:
            for word in (f" {word} " for word in words):
                for length in range(self.characters[0], self.characters[1] + 1):
                    yield from ("c" + word[i : i + length] for i in range(len(word) - length + 1))

    def _place(self, ngram: str) -> tuple[int, int]:
        digest = int.from_bytes(hashlib.blake2b(ngram.encode(), digest_size=_DIGEST_BYTES).digest(), "big")
        return (digest >> 1) % self.n_features, -1 if self.alternate_sign and digest & 1 else 1


def _of_length_one(counts: Integers) -> Integers:
    total = int(np.square(counts).sum())
    row = np.zeros_like(counts)
    for place in np.flatnonzero(counts):
        count = int(counts[place])
        row[place] = math.isqrt((count * count << 2 * FRACTION_BITS) // total) * (1 if count > 0 else -1)
    return row
