"""Text stages: the encoder compared with BERT in plain Python, and the validation of tokenizers, weights and specs."""

import builtins
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from syft.errors import ExtraMissingError, FeatureError, SyftError, TokenizerError, WeightsError
from syft.nn import ONE
from syft.texts import (
    HashedNgrams,
    TextColumns,
    Tokenizer,
    TokenTable,
    blob_limits,
    encoder,
    hashed_ngrams,
    load_weights,
    token_table,
)
from syft.texts.bert import Bert, gelu
from tests.syft import tiny_encoder as tiny

TEXTS = ["a good day!", "bad days", "", "Good", "a bad bad bad bad bad bad bad bad bad bad bad bad bad day", "zzz"]
TOKENS = [[2, 8, 4, 6, 9, 3], [2, 5, 6, 7, 3], [2, 3], [2, 4, 3], [2, 8, *[5] * 13, 3], [2, 1, 3]]
TABLE = TokenTable(np.random.default_rng(1).integers(-3000, 3000, (len(tiny.WORDS), 3)))


def described(**changes):
    own = encoder(tiny.weights_bytes(), tiny.tokenizer_bytes(), heads=tiny.HEADS, longest=tiny.PLACES)
    return {**own, **changes}


# ---------------------------------------------------------------------- columns


def test_a_tokenizer_gives_the_places_of_its_words():
    found = Tokenizer(tiny.tokenizer_bytes()).tokens(TEXTS, longest=tiny.PLACES, special=True)
    assert [tokens.tolist() for tokens in found] == TOKENS
    bare = Tokenizer(tiny.tokenizer_bytes()).tokens(TEXTS[:3], longest=2, special=False)
    assert [tokens.tolist() for tokens in bare] == [[8, 4], [5, 6], []]


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_the_encoder_is_bert(pooling):
    rows = TextColumns.load([described(pooling=pooling, scale=3)]).transform(TEXTS)
    exact = np.array([tiny.plain(tiny.tensors(), tokens, pooling) for tokens in TOKENS]) * 3 * ONE
    assert rows.dtype == np.int64
    assert rows.shape == (len(TEXTS), tiny.WIDTH)
    assert np.abs(rows - exact).max() < 0.51  # rounded to integers, and a little for float32


def test_a_text_gets_the_same_row_in_other_company():
    columns = TextColumns.load([described()])
    together = columns.transform(TEXTS * 40)
    alone = np.concatenate([columns.transform([text]) for text in TEXTS])
    assert np.abs(together - np.tile(alone, (40, 1))).max() <= 1


def test_weights_in_half_precision_and_with_a_prefix_are_read():
    half = save({f"bert.{name}": tensor.astype(np.float16) for name, tensor in tiny.tensors().items()})
    rows = TextColumns.load([encoder(half, tiny.tokenizer_bytes(), heads=2)]).transform(TEXTS[:2])
    exact = TextColumns.load([described()]).transform(TEXTS[:2])
    assert 0 < np.abs(rows - exact).max() < 16 * ONE / 50


@settings(deadline=None)
@given(st.lists(st.floats(-30, 30, width=32), min_size=1, max_size=8))
def test_gelu_is_that_of_the_normal_distribution(numbers):
    from math import erf, sqrt

    exact = [x * (1 + erf(x / sqrt(2))) / 2 for x in numbers]
    assert gelu(np.array(numbers, dtype=np.float32)) == pytest.approx(exact, abs=2e-6, rel=1e-6)


def test_a_table_averages_what_its_tokenizer_finds():
    description = token_table(TABLE, tiny.tokenizer_bytes())
    rows = TextColumns.load([description]).transform(TEXTS)
    assert rows.tolist() == TABLE.transform([[8, 4, 6, 9], [5, 6, 7], [], [4], [8, *[5] * 13, 6], [1]]).tolist()
    assert description["width"] == 3


def test_steps_stand_side_by_side():
    hashed, table = hashed_ngrams(HashedNgrams(16)), token_table(TABLE, tiny.tokenizer_bytes())
    both = TextColumns.load([hashed, table])
    parts = [TextColumns.load([one]).transform(TEXTS) for one in (hashed, table)]
    assert both.transform(TEXTS).tolist() == np.concatenate(parts, axis=1).tolist()
    assert TextColumns.from_specs([hashed, table]).width == both.width == 19


def test_no_texts_have_no_rows():
    steps = [hashed_ngrams(HashedNgrams(16)), token_table(TABLE, tiny.tokenizer_bytes()), described()]
    columns = TextColumns.load(steps)
    assert columns.transform([]).shape == (0, columns.width)


def test_typical_rows_are_as_long_as_those_of_texts():
    generator = np.random.default_rng(0)
    for description, length in ((described(scale=5), 5), (hashed_ngrams(HashedNgrams(64)), 1)):
        columns = TextColumns.load([description])
        for rows in (columns.typical(9, generator), columns.transform(TEXTS)):
            lengths = np.linalg.norm(rows, axis=1)
            assert lengths[lengths > 0] == pytest.approx(length * ONE, rel=0.01)
    assert TextColumns.load([hashed_ngrams(HashedNgrams(64))]).typical(9, generator).min() >= 0
    assert TextColumns.load([token_table(TABLE, tiny.tokenizer_bytes())]).typical(9, generator).shape == (9, 3)


# ---------------------------------------------------------------------- specs


def test_a_description_tells_columns_and_blobs_before_anything_is_fetched():
    spec = {**described(), "weights": "Qm1", "tokenizer": "Qm2"}
    assert TextColumns.from_specs([spec]).width == tiny.WIDTH
    limits = list(blob_limits([hashed_ngrams(HashedNgrams(16)), spec]))
    assert [(index, name) for index, name, _ in limits] == [(1, "weights"), (1, "tokenizer")]
    with pytest.raises(FeatureError, match="weights is a name"):
        TextColumns.load([spec])
    with pytest.raises(FeatureError, match="are not loaded"):
        TextColumns.from_specs([spec]).transform(TEXTS)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"step": "pickle"}, "unknown stage 'pickle'"),
        ({"step": ["encoder"]}, "unknown stage"),
        ({"more": 1}, "takes .*got"),
        ({"heads": 0}, "heads must be"),
        ({"heads": True}, "heads must be"),
        ({"longest": 513}, "longest must be"),
        ({"scale": 65}, "scale must be"),
        ({"width": 1 << 20}, "width must be"),
        ({"pooling": "max"}, "pooling must be"),
        ({"weights": 7}, "weights must be bytes"),
        ({"tokenizer": "Q" * 200}, "tokenizer must be bytes"),
    ],
)
def test_a_malformed_description_is_refused(changes, why):
    with pytest.raises(FeatureError, match=why):
        TextColumns.from_specs([described(**changes)])


def test_there_are_one_to_four_steps():
    for steps in ([], [hashed_ngrams(HashedNgrams(2))] * 5):
        with pytest.raises(FeatureError, match="1 to 4"):
            TextColumns.from_specs(steps)


@pytest.mark.parametrize(
    ("changes", "why"), [({"width": 9}, "8 columns, but its spec states 9"), ({"heads": 3}, "3 heads")]
)
def test_a_description_that_its_blobs_do_not_bear_out_is_refused(changes, why):
    with pytest.raises(FeatureError, match=why):
        TextColumns.load([described(**changes)])


@pytest.mark.parametrize("text", [7, None, "x" * 65_537, "\ud800"], ids=["number", "none", "long", "half"])
def test_what_is_no_text_is_refused_by_its_row(text):
    with pytest.raises(FeatureError, match="row 1"):
        TextColumns.load([described()]).transform(["a", text])


def test_a_missing_package_is_named_with_its_extra(monkeypatch):
    found = __import__

    def without(name, *arguments, **named):
        if name == "tokenizers":
            raise ImportError(name)
        return found(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setattr("syft.texts.tokenizer.import_module", without)
    with pytest.raises(ExtraMissingError, match=r"pip install 'sonar-syft\[text\]'"):
        Tokenizer(tiny.tokenizer_bytes())


# ---------------------------------------------------------------------- untrusted weights


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x04\x95pickle",
        (1 << 60).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        (99_999).to_bytes(8, "little") + b"[" * 99_999,
        tiny.weights_bytes()[:-1],
        save({"a": np.zeros(2, dtype=np.float64)}),
        save({"a": np.zeros((2, 2, 2), dtype=np.float32)}),
        save({"a": np.array([np.nan], dtype=np.float32)}),
        save({"a": np.array([np.inf], dtype=np.float16)}),
    ],
    ids=range(11),
)
def test_weights_that_are_none_are_refused(data):
    with pytest.raises(WeightsError):
        load_weights(data)


def test_a_header_that_promises_more_than_there_is_asks_for_no_memory():
    header = json.dumps({"a": {"dtype": "F32", "shape": [1 << 40, 1 << 10], "data_offsets": [0, 1 << 52]}}).encode()
    with pytest.raises(WeightsError):
        load_weights(len(header).to_bytes(8, "little") + header)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_damaged_weights_give_a_typed_error_or_an_encoder(data):
    blob = bytearray(tiny.weights_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        blob[data.draw(st.integers(0, 4_000))] = data.draw(st.integers(0, 255))
    try:
        columns = TextColumns.load([described(weights=bytes(blob))])
        assert columns.transform(TEXTS).shape == (len(TEXTS), tiny.WIDTH)
    except SyftError:
        pass


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"embeddings__word_embeddings__weight": None}, "no tensor 'embeddings.word_embeddings.weight'"),
        ({"embeddings__LayerNorm__bias": np.zeros(9, np.float32)}, r"'embeddings.LayerNorm.bias' is float32 of shape"),
        ({"embeddings__word_embeddings__weight": np.zeros((4, 2048), np.float32)}, "width 2048"),
        ({"embeddings__word_embeddings__weight": np.zeros((0, 8), np.float32)}, "0 tokens"),
        ({"embeddings__position_embeddings__weight": np.zeros((0, 8), np.float32)}, "one position"),
        ({"encoder__layer__99__x": np.zeros(1, np.float32)}, "encoder.layer.2"),
        ({f"encoder__layer__{n}__x": np.zeros(1, np.float32) for n in range(30)}, "30 layers"),
        ({"encoder__layer__0__intermediate__dense__weight": np.zeros((5000, 8), np.float32)}, "5000 units"),
    ],
)
def test_weights_of_no_encoder_are_refused(changes, why):
    with pytest.raises(FeatureError, match=why):
        Bert.from_tensors(load_weights(tiny.weights_bytes(**changes)), heads=2, pooling="mean")


def test_numbers_that_overflow_give_an_error_and_no_row():
    huge = {name.replace(".", "__"): np.full_like(t, 1e38) for name, t in tiny.tensors().items() if "query" in name}
    with pytest.raises(FeatureError, match="overflow"):
        TextColumns.load([described(weights=tiny.weights_bytes(**huge))]).transform(TEXTS)


def test_a_token_outside_of_the_vocabulary_is_refused():
    fewer = tiny.weights_bytes(embeddings__word_embeddings__weight=np.ones((4, 8), np.float32))
    with pytest.raises(FeatureError, match="vocabulary of 4"):
        TextColumns.load([described(weights=fewer)]).transform(TEXTS)
    small = TokenTable(np.ones((2, 3), dtype=np.int64))
    with pytest.raises(FeatureError, match="vocabulary of 2"):
        TextColumns.load([token_table(small, tiny.tokenizer_bytes())]).transform(TEXTS)


def test_more_tokens_than_places_are_refused():
    with pytest.raises(FeatureError, match="at most 16"):
        TextColumns.load([described(longest=17)]).transform(["a " * 40])


# ---------------------------------------------------------------------- untrusted tokenizers


def rules(kind, *parts):
    names = {"normalizer": "normalizers", "pre_tokenizer": "pretokenizers", "post_processor": "processors"}
    return {kind: {"type": "Sequence", names[kind]: list(parts)}}


def model(**changes):
    return {"model": {**tiny.tokenizer()["model"], **changes}}


def replace(pattern, content):
    return {"type": "Replace", "pattern": pattern, "content": content}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"more": 1}, "unknown parts"),
        ({"model": None}, "its model is none of"),
        (model(type="Custom"), "its model is none of"),
        (model(vocab=[]), "empty"),
        (model(vocab={"a": 1 << 40}), "an index"),
        (model(vocab={"a": -1}), "an index"),
        (model(vocab=7), "no vocabulary"),
        (model(max_input_chars_per_word=10**9), "1000 characters"),
        (model(type="BPE", merges=[], dropout=0.1), "dropout"),
        ({"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}}, "'Precompiled'"),
        ({"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Removed"}}, "'Split'"),
        (rules("normalizer", replace({"Regex": "(a+)+$"}, "")), "regular expression"),
        (rules("normalizer", replace({"String": "a"}, "aa")), "by a longer one"),
        (rules("normalizer", replace({"String": ""}, "")), "an empty text"),
        (rules("normalizer", {"type": "Prepend", "prepend": "x" * 17}), "16 characters"),
        (rules("normalizer", *[{"type": "Lowercase"}] * 20), "more than 16 rules"),
        (rules("pre_tokenizer", {"type": "Whitespace", "more": "x" * 70_000}), "65536 bytes"),
        (rules("pre_tokenizer", 7), "is not a rule"),
        ({"post_processor": {"type": "Unknown"}}, "'Unknown'"),
        ({"added_tokens": [{"id": 1, "content": ""}]}, "empty or too long"),
        ({"added_tokens": [{"id": -1, "content": "a"}]}, "no valid index"),
        ({"added_tokens": [tiny.tokenizer()["added_tokens"][0]] * 1_025}, "1024 tokens"),
        ({"normalizer": {"type": "BertNormalizer", "lowercase": "yes"}}, "rejected by the library"),
    ],
)
def test_a_tokenizer_that_does_more_than_is_taken_is_refused(changes, why):
    with pytest.raises(TokenizerError, match=why):
        Tokenizer(tiny.tokenizer_bytes(**changes))


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]", b"\xff", b"[" * 100_000, b" " * (32 << 20) + b"{}"],
    ids=["empty", "object", "list", "bytes", "deep", "long"],
)
def test_a_tokenizer_that_is_no_document_is_refused(data):
    with pytest.raises(TokenizerError):
        Tokenizer(data)


def test_a_tokenizer_of_other_tokens_than_there_may_be_is_refused():
    with pytest.raises(TokenizerError, match="as many special tokens"):
        Tokenizer(tiny.tokenizer_bytes()).tokens(["a"], longest=2, special=True)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_damaged_tokenizers_give_a_typed_error_or_tokens(data):
    blob = bytearray(tiny.tokenizer_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        blob[data.draw(st.integers(0, len(blob) - 1))] = data.draw(st.integers(32, 126))
    try:
        tokens = Tokenizer(bytes(blob)).tokens(TEXTS, longest=8, special=True)
        assert all(len(one) <= 8 for one in tokens)
    except SyftError:
        pass
