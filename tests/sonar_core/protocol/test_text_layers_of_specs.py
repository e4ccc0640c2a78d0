"""Texts in Table Schemas, in specs, in rows and in validation sets; and the public blobs that make columns of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ape_mine.datasets.store import DatasetStore
from ape_mine.policy.schema_matching import Match, Mismatch, match
from ape_mine.training.clipping_bounds import row_bounds
from ape_mine.training.gradient_task import statistics_key
from ape_sonar.campaign_builder import Texts, write_spec
from sonar_core.base.canonical_json import to_canonical
from sonar_core.base.errors import FormatError, SchemaError, SpecError
from sonar_core.crypto.certificates import Key
from sonar_core.data.cells import check_table
from sonar_core.data.row_encoder import ONE, RowEncoder
from sonar_core.data.row_errors import RowError
from sonar_core.data.table_schema import TableSchema
from sonar_core.protocol.campaign_spec import CampaignSpec
from sonar_core.protocol.content_address import to_cid
from sonar_core.protocol.validation_set import ValidationSet
from sonar_core.store import BlobNotFoundError, BlobTooLargeError
from sonar_core.store.artifacts import read_texts
from sonar_core.store.embedded import EmbeddedStore
from sonar_core.store.unixfs import address_of
from syft import LinearClassifier
from syft.errors import FeatureError
from syft.texts import HashedNgrams, TextColumns, TokenTable, encoder, hashed_ngrams, token_table
from tests.syft import tiny_encoder as tiny

TEXT = {"name": "text", "type": "string", "constraints": {"maxLength": 12}}
AGE = {"name": "age", "type": "integer", "constraints": {"minimum": 0, "maximum": 8}}
INPUT = {"fields": [AGE, TEXT]}
OUTPUT = {"fields": [{"name": "glad", "type": "boolean"}]}
CERTIFICATE = Key.generate("Data Scientist").certificate.armoured()
TABLE = TokenTable(np.random.default_rng(1).integers(-3000, 3000, (len(tiny.WORDS), 3)))
STEPS = {
    "text": [
        token_table(TABLE, tiny.tokenizer_bytes()),
        encoder(tiny.weights_bytes(), tiny.tokenizer_bytes(), heads=tiny.HEADS),
        hashed_ngrams(HashedNgrams(16, characters=None)),
    ]
}
WIDTH = 3 + tiny.WIDTH + 16


def cid(blob: bytes) -> str:
    return to_cid(address_of(blob))


def document(**changes: Any) -> dict[str, Any]:
    made = Texts.of(STEPS, cid)
    spec = write_spec(
        LinearClassifier(1 + WIDTH, 2),
        description="Who is glad",
        input_description="",
        output_description="",
        input_schema=INPUT,
        output_schema=OUTPUT,
        texts=made.described,
        frozen_cid=None,
        initial={"kind": "zeros"},
        key_bits=2048,
        certificate=CERTIFICATE,
    )
    return {**json.loads(spec.to_bytes()), **changes}


def with_step(place: int, **changes: Any) -> dict[str, Any]:
    whole = document()
    whole["texts"]["text"][place] |= changes
    return whole


@pytest.fixture
def store(tmp_path: Path) -> EmbeddedStore:
    found = EmbeddedStore(tmp_path / "blobs")
    for blob in Texts.of(STEPS, cid).blobs:
        found.put(blob)
    return found


# ------------------------------------------------------------------ schemas and rows


@pytest.mark.parametrize(
    "field",
    [
        {"name": "x", "type": "string", "constraints": {"maxLength": 0}},
        {"name": "x", "type": "string", "constraints": {"maxLength": 65_537}},
        {"name": "x", "type": "string", "constraints": {"maxLength": True}},
        {"name": "x", "type": "string", "constraints": {"maxLength": 5, "enum": ["a", "b"]}},
        {"name": "x", "type": "string", "constraints": {"maxLength": 5, "minimum": 0}},
        {"name": "x", "type": "integer", "constraints": {"maxLength": 5, "enum": [1, 2]}},
        {"name": "x", "type": "boolean", "constraints": {"maxLength": 5}},
    ],
)
def test_a_text_has_a_length_and_no_other_bounds(field: dict[str, Any]) -> None:
    with pytest.raises(SchemaError):
        TableSchema.parse({"fields": [field]})


@pytest.mark.parametrize("cell", ["", None, 7, float("nan"), "thirteen code", "half \ud800"])
def test_a_cell_that_is_no_text_is_named(cell: object) -> None:
    with pytest.raises(RowError, match=r"row 2, column 'text'.*a text of 1 to 12 letters"):
        check_table(TableSchema.parse(INPUT), {"age": [1, 2], "text": ["a good day", cell]})


def test_texts_become_columns_where_their_field_stands() -> None:
    columns = TextColumns.load(STEPS["text"])
    coder = RowEncoder({"fields": [TEXT, AGE]}, OUTPUT, {"text": columns})
    rows = coder.encode_inputs({"age": [8, 0], "text": ["a good day", "bad days and more"]})
    assert coder.columns == (*(f"text[{place}]" for place in range(WIDTH)), "age")
    assert rows[:, -1].tolist() == [ONE, 0]
    # Cut at the field's length.
    assert np.abs(rows[:, :-1] - columns.transform(["a good day", "bad days and"])).max() <= 1
    with pytest.raises(RowError, match="row 2"):
        coder.encode_inputs({"age": [8, 0], "text": ["a good day", "bad days and more"]}, ranges=True)
    assert coder.encode_inputs({"age": [], "text": []}).shape == (0, WIDTH + 1)


def test_what_is_said_of_texts_is_said_of_the_inputs_texts() -> None:
    described = {"text": TextColumns.from_specs(STEPS["text"])}
    for schema, texts, why in (
        (INPUT, {}, "give its steps in `texts`"),
        ({"fields": [AGE]}, described, "no text of the Input"),
    ):
        with pytest.raises(SchemaError, match=why):
            RowEncoder(schema, OUTPUT, texts)
    with pytest.raises(SchemaError, match="an Output has no texts"):
        RowEncoder({"fields": [AGE]}, {"fields": [TEXT]})


def test_an_encoder_that_is_described_only_encodes_no_text() -> None:
    coder = CampaignSpec.parse(document()).encoder()
    assert len(coder.columns) == WIDTH + 1
    with pytest.raises(FeatureError, match="are not loaded"):
        coder.encode_inputs({"age": [1], "text": ["a"]})


def test_a_dataset_keeps_texts(tmp_path: Path) -> None:
    frame = pd.DataFrame({"age": [1, 2], "text": ["a good, day", "schlecht, „é“"], "glad": [True, False]})
    frame.to_csv(tmp_path / "in.csv", index=False)
    schema = TableSchema.parse({"fields": [AGE, {**TEXT, "constraints": {"maxLength": 40}}, *OUTPUT["fields"]]})
    dataset = DatasetStore(tmp_path / "datasets").add("notes", tmp_path / "in.csv", schema)
    assert dataset.schema == schema
    (kept,) = dataset.frames(["text"])
    assert kept["text"].tolist() == frame["text"].tolist()
    spec = CampaignSpec.parse(document())
    assert isinstance(match(spec.input.table, spec.output.table, dataset.schema), Match)


def test_a_list_of_values_is_no_text() -> None:
    values = {"name": "text", "type": "string", "constraints": {"enum": ["a", "b"]}}
    for wanted, held in ((TEXT, values), (values, TEXT)):
        schemas = (TableSchema.parse({"fields": [one]}) for one in (wanted, held))
        assert isinstance(match(next(schemas), TableSchema.parse(OUTPUT), next(schemas)), Mismatch)


def test_a_validation_set_has_signed_numbers_where_text_was() -> None:
    coder = CampaignSpec.parse(document()).encoder()
    rows = np.zeros((2, WIDTH + 1), dtype=np.int64)
    rows[0, 1], rows[1, 1] = -(1 << 15), 1 << 15
    own = ValidationSet.build(rows, np.array([[0], [1]]))
    assert np.array_equal(ValidationSet.from_bytes(own.to_bytes(), coder).rows, rows)
    for column, number, why in ((1, (1 << 15) + 1, r"\[-32768, 32768\]"), (0, -1, r"\[0, 1024\]")):
        wrong = rows.copy()
        wrong[1, column] = number
        with pytest.raises(FormatError, match=why):
            ValidationSet.from_bytes(ValidationSet.build(wrong, own.targets).to_bytes(), coder)


def test_bounds_of_rows_follow_without_a_look_at_texts() -> None:
    model = LinearClassifier(1 + WIDTH, 2).with_initial_weights()
    texts = {"text": TextColumns.load(STEPS["text"])}
    bounds = row_bounds(model, RowEncoder(INPUT, OUTPUT, texts), 1.0)
    # 16 of the encoder, 1 of the n-grams, about 1 of the table's averages, 1 of the bias.
    assert 16**2 < bounds.features_squared / ONE**2 < 18**2
    assert bounds == row_bounds(model, RowEncoder(INPUT, OUTPUT, texts), 1.0)


# ------------------------------------------------------------------ specs


def test_a_spec_with_texts_has_one_encoding() -> None:
    data = to_canonical(document())
    spec = CampaignSpec.from_bytes(data)
    assert spec.to_bytes() == data
    assert spec.texts is not None
    assert spec.texts["text"][1]["weights"] == cid(tiny.weights_bytes())


@pytest.mark.parametrize(
    ("whole", "why"),
    [
        (document(texts=None), "give its steps in `texts`"),
        (document(texts={}), "texts"),
        (document(texts={"age": document()["texts"]["text"]}), "`texts`"),
        (document(texts={"text": []}), "texts.text"),
        (document(texts={"text": [hashed_ngrams(HashedNgrams(2))] * 5}), "1 to 4"),
        (with_step(0, step="pickle"), "unknown stage"),
        (with_step(0, width=9), "model.parameters.inputs must be"),
        (with_step(0, table="QmNotAnAddress"), "QmNotAnAddress"),
        (with_step(1, weights=7), "weights must be bytes"),
        (with_step(1, heads=1.5), "heads must be"),
        (with_step(1, longest=513), "longest must be"),
        (with_step(2, n_features=1 << 20), "n_features must be"),
        (with_step(2, words=[1, 2, 3]), "words must be"),
        (with_step(2, more=1), "takes"),
    ],
    ids=range(14),
)
def test_malformed_texts_are_refused(whole: dict[str, Any], why: str) -> None:
    with pytest.raises(SpecError, match=why):
        CampaignSpec.from_bytes(to_canonical(whole))


def test_the_same_rows_make_other_statistics_by_another_table() -> None:
    one, other = document(), with_step(0, table=cid(b"another"))
    keys = {statistics_key(CampaignSpec.parse(whole), bytes(32)) for whole in (one, document(), other)}
    assert len(keys) == 2


# ------------------------------------------------------------------ blobs by content address


def test_texts_are_read_by_content_address(store: EmbeddedStore) -> None:
    found = read_texts(store, CampaignSpec.parse(document()))
    exact = TextColumns.load(STEPS["text"]).transform(["a good day"])
    assert found["text"].transform(["a good day"]).tolist() == exact.tolist()


def test_a_blob_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BlobNotFoundError):
        read_texts(EmbeddedStore(tmp_path), CampaignSpec.parse(document()))


def test_a_blob_that_is_too_large_is_not_read(store: EmbeddedStore) -> None:
    address = cid(b" " * ((32 << 20) + 1))
    store.put(b" " * ((32 << 20) + 1))
    with pytest.raises(BlobTooLargeError):
        read_texts(store, CampaignSpec.parse(with_step(0, tokenizer=address)))


@pytest.mark.parametrize(
    ("place", "parameter", "blob"),
    [
        (0, "table", b"no table"),
        (0, "table", tiny.weights_bytes()),
        (0, "tokenizer", b"{}"),
        (0, "tokenizer", tiny.tokenizer_bytes(pre_tokenizer={"type": "Split", "pattern": {"Regex": "(a+)+$"}})),
        (1, "weights", b"\x80\x04\x95 a pickle"),
        (1, "weights", tiny.weights_bytes(embeddings__LayerNorm__bias=np.full(8, np.nan, np.float32))),
        (1, "weights", tiny.weights_bytes(embeddings__LayerNorm__bias=np.zeros(9, np.float32))),
    ],
    ids=range(7),
)
def test_hostile_blobs_are_refused(store: EmbeddedStore, place: int, parameter: str, blob: bytes) -> None:
    store.put(blob)
    with pytest.raises(SpecError, match="texts of 'text'"):
        read_texts(store, CampaignSpec.parse(with_step(place, **{parameter: cid(blob)})))


def test_what_a_data_scientist_gives_is_checked_before_it_is_published() -> None:
    with pytest.raises(SchemaError, match="its spec states 4"):
        Texts.of({"text": [{**STEPS["text"][0], "width": 4}]}, cid)


def test_a_campaign_is_known_again_though_a_float_differs() -> None:
    coder = CampaignSpec.parse(document()).encoder()
    table = {"age": [1, 2], "text": ["a good day", "bad"]}
    rows = np.arange(2 * (1 + WIDTH)).reshape(2, 1 + WIDTH)
    known = coder.canonical_inputs(table, rows)
    nearly = rows.copy()
    nearly[0, 1] += 1
    assert coder.canonical_inputs(table, nearly) == known
    nearly[0, 0] += 1
    assert coder.canonical_inputs(table, nearly) != known
    assert coder.canonical_inputs({**table, "text": ["a good day", "bax"]}, rows) != known
    bare = RowEncoder({"fields": [AGE]}, OUTPUT)
    assert bare.canonical_inputs({"age": [1, 2]}, rows[:, :1]) == rows[:, :1].tobytes()
