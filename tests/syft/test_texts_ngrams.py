"""Hashed n-grams compared with an independent implementation, and as features of a classifier."""

import json
from collections import Counter
from fractions import Fraction
from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syft.errors import FeatureError
from syft.nn import ONE, LinearClassifier
from syft.texts import HashedNgrams
from syft.texts.ngrams import LONGEST_TEXT

LETTERS = st.text(st.sampled_from("aAbZ09 _.,'éÉß漢😀\n"), max_size=40)


def plain_words(text):
    """Words, found character by character."""
    words, word = [], ""
    for letter in [*text, " "]:
        letter = letter.lower() if letter.isascii() else letter
        if not letter.isascii() or letter.isalnum():
            word += letter
        elif word:
            words.append(word)
            word = ""
    return words


def plain(text, vectoriser):
    words, counts = plain_words(text), Counter()
    sequences = [("w", words, " ", vectoriser.words)]
    sequences += [("c", [" ", *word, " "], "", vectoriser.characters) for word in words]
    for kind, sequence, glue, ends in sequences:
        for n in range(*(ends[0], ends[1] + 1) if ends else (0,)):
            for start in range(len(sequence) - n + 1):
                data = (kind + glue.join(sequence[start : start + n])).encode("utf-8")
                number = int(blake2b(data, digest_size=8).hexdigest(), 16)
                odd = number % 2 and vectoriser.alternate_sign
                counts[number // 2 % vectoriser.n_features] += -1 if odd else 1
    return [counts[bucket] for bucket in range(vectoriser.n_features)]


vectorisers = st.builds(
    HashedNgrams,
    n_features=st.integers(1, 40),
    words=st.sampled_from([None, (1, 1), (1, 3), (2, 2)]),
    characters=st.sampled_from([(1, 2), (3, 4)]),
    alternate_sign=st.booleans(),
)


@settings(deadline=None)
@given(st.lists(LETTERS, max_size=4), vectorisers)
def test_rows_are_counts_of_length_one_rounded_towards_zero(texts, vectoriser):
    rows = vectoriser.transform(texts)
    assert rows.shape == (len(texts), vectoriser.n_features)
    assert rows.dtype == np.int64
    for row, text in zip(rows.tolist(), texts, strict=True):
        counts = plain(text, vectoriser)
        squares = sum(count * count for count in counts)
        for found, count in zip(row, counts, strict=True):
            assert found * count >= 0
            # |found| is the largest integer whose square is at most 2^20 c^2 / sum.
            exact = Fraction(ONE * ONE * count * count, squares or 1)
            assert found**2 <= exact < (abs(found) + 1) ** 2


@settings(deadline=None)
@given(vectorisers)
def test_a_described_map_is_the_same_map(vectoriser):
    assert HashedNgrams.from_spec(json.loads(json.dumps(vectoriser.to_spec()))) == vectoriser


def test_rows_follow_the_vectors(vectors):
    vector = vectors("text")
    for case in vector["cases"]:
        found = HashedNgrams.from_spec(case["map"]).transform(vector["texts"])
        assert found.tolist() == case["rows"]


def test_a_row_does_not_depend_on_the_others():
    texts = ["one two", "", "two three", "one two"]
    together = HashedNgrams(64).transform(texts)
    assert together.tolist() == [HashedNgrams(64).transform([text])[0].tolist() for text in texts]
    assert not together[1].any()


def test_rows_without_signs_are_in_the_range_of_encoded_rows():
    rows = HashedNgrams(32).transform(["to be or not to be", "that is the question"])
    assert rows.min() == 0
    assert rows.max() <= ONE


@pytest.mark.parametrize("texts", [[1], [None], [b"bytes"], ["\ud800"], ["a" * (LONGEST_TEXT + 1)]])
def test_texts_that_are_refused(texts):
    with pytest.raises(FeatureError, match="row 1"):
        HashedNgrams(8).transform(["good", *texts])


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"n_features": 0}, "n_features"),
        ({"n_features": 1 << 17}, "n_features"),
        ({"n_features": 8.0}, "n_features"),
        ({"n_features": True}, "n_features"),
        ({"words": [1]}, "words must be two"),
        ({"words": [2, 1]}, "in this order"),
        ({"words": [0, 1]}, "words must be two"),
        ({"words": "12"}, "words must be two"),
        ({"characters": [1, 9]}, "characters must be two"),
        ({"characters": [1.0, 2]}, "characters must be two"),
        ({"words": None, "characters": None}, "of both are needed"),
        ({"alternate_sign": 1}, "true or false"),
        ({"hash": "md5"}, "hashed n-grams take"),
    ],
)
def test_maps_that_are_refused(changes, why):
    with pytest.raises(FeatureError, match=why):
        HashedNgrams.from_spec({**HashedNgrams().to_spec(), **changes})
    with pytest.raises(FeatureError, match="hashed n-grams take"):
        HashedNgrams.from_spec([changes])


def test_texts_are_told_apart():
    good, bad = ["lovely", "great", "happy", "wonderful"], ["awful", "terrible", "sad", "horrible"]
    names = ["day", "train", "coffee", "concert", "weather", "phone"]
    rows = [(f"What a{'n' if w[0] == 'a' else ''} {w} {n}!", int(w in good)) for w in good + bad for n in names]
    texts, answers = zip(*rows, strict=True)
    features, answers = HashedNgrams(256).transform(texts) / ONE, np.array(answers)
    held_out = np.arange(len(answers)) % 6 == 0
    model = LinearClassifier(mu=1e-3).fit(features[~held_out], answers[~held_out])
    assert model.score(features[held_out], answers[held_out]) == 1
