from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ape_sonar import CampaignOptions
from ape_sonar.campaign_file import CampaignFile, read_campaign_file
from sonar_core.base.errors import SonarError
from sonar_core.data.row_errors import RowError
from syft import RandomFeatureClassifier

INPUT = {"fields": [{"name": "age", "type": "integer", "constraints": {"minimum": 0, "maximum": 120}}]}
OUTPUT = {"fields": [{"name": "ill", "type": "boolean"}]}
FILE = {
    "model": {"class": "RandomFeatureClassifier", "features": 3, "seed": 2},
    "input": "input.schema.json",
    "output": OUTPUT,
    "validation": "hidden.csv",
    "bounty": "1000 wei",
    "capsule": "0x" + "11" * 20,
    "lasts": "2 days",
}
DEEP = "{" * 5000

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A campaign file with its schema and its rows beside it."""
    (tmp_path / "input.schema.json").write_text(json.dumps(INPUT))
    with (tmp_path / "hidden.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["ill", "age", "note"], ["true", 60, "x"], ["false", 20, "y"]])

    def to_file(dump: Callable[[Any], str] = yaml.safe_dump, **changes: Any) -> Path:
        path = tmp_path / "campaign.yaml"
        path.write_text(dump({name: value for name, value in {**FILE, **changes}.items() if value is not ...}))
        return path

    return to_file


def test_the_model_is_left_to_the_library(write: Write) -> None:
    for model in (..., None):
        asked, _ = read_campaign_file(write(model=model))
        assert asked["model"] is None


def test_images(write: Write) -> None:
    part = {"class": "RandomFeatureClassifier", "layer": "convolution"}
    asked, _ = read_campaign_file(write(model={**part, "image": [8, 8, 3]}))
    assert asked["model"].image == (8, 8, 3)
    for other in ([8, 8], [8, 8, 1.5], "8x8", 8):
        with pytest.raises(SonarError, match="image"):
            read_campaign_file(write(model={**part, "image": other}))


def test_texts_bring_their_files(write: Write, tmp_path: Path) -> None:
    (tmp_path / "table").write_bytes(b"a table")
    (tmp_path / "tokenizer.json").write_bytes(b"a tokenizer")
    step = {"step": "token_table", "table": "table", "tokenizer": "tokenizer.json", "width": 2}
    asked, _ = read_campaign_file(write(texts={"note": [step]}))
    assert asked["texts"] == {"note": [{**step, "table": b"a table", "tokenizer": b"a tokenizer"}]}
    for wrong, why in (({**step, "step": "pickle"}, "texts.note: .*unknown stage"), ({**step, "more": 1}, "takes")):
        with pytest.raises(SonarError, match=why):
            read_campaign_file(write(texts={"note": [wrong]}))
    with pytest.raises(FileNotFoundError):
        read_campaign_file(write(texts={"note": [{**step, "table": "none"}]}))
    (tmp_path / "tokenizer.json").write_bytes(bytes((32 << 20) + 1))
    with pytest.raises(SonarError, match="more than"):
        read_campaign_file(write(texts={"note": [step]}))


@pytest.mark.parametrize("class_weight", ["balanced", {True: 2, False: 0.5}, {"yes": 1.5}, {3: 2}])
def test_class_weights(write: Write, class_weight: Any) -> None:
    asked, _ = read_campaign_file(write(model={"class": "LinearClassifier", "class_weight": class_weight}))
    assert asked["model"].class_weight == class_weight
    for other in ("heavy", [1, 2], {"yes": "heavy"}):
        with pytest.raises(SonarError, match="class_weight"):
            read_campaign_file(write(model={"class": "LinearClassifier", "class_weight": other}))


@pytest.mark.parametrize("dump", [yaml.safe_dump, json.dumps])
def test_a_campaign_in_peoples_words(write: Write, dump: Callable[[Any], str]) -> None:
    asked, parent = read_campaign_file(
        write(dump, target_accuracy=0.9, scoring_window="1 hour", nonce=7, parent="0xab")
    )
    assert parent == "0xab"
    model, (inputs, answers) = asked.pop("model"), asked.pop("validation")
    assert isinstance(model, RandomFeatureClassifier)
    assert (model.get_params()["features"], model.get_params()["seed"]) == (3, 2)
    assert inputs.to_dict("list") == {"age": [60, 20]}
    assert answers.to_dict("list") == {"ill": [True, False]}
    plain = {name: FILE[name] for name in ("bounty", "capsule", "lasts")}
    options = CampaignOptions(scoring_window="1 hour", nonce=7)
    said = {"target_accuracy": 0.9, "texts": None, "options": options}
    assert asked == {"input": INPUT, "output": OUTPUT, **plain, **said}


def test_the_documented_file_is_one() -> None:
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "train-a-model.md").read_text()
    example = next(block for block in page.split("```yaml\n") if block.startswith("model:")).split("```")[0]
    assert CampaignFile.model_validate(yaml.safe_load(example)).bounty == "1000 USDC"


def test_scales_may_be_given(write: Write) -> None:
    scales = {"weight_exponent": 12, "weight_bound": 8, "gradient_bits": 6}
    asked, _ = read_campaign_file(write(model={"class": "LinearClassifier", "fixed_point": scales}))
    assert asked["model"].fixed_point.weight_exponent == 12


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"model": {"class": "Pickle"}}, "'Pickle' is none of"),
        ({"model": {"class": "RandomFeatureClassifier", "layer": "eval"}}, "layer"),
        ({"model": {"class": "LinearClassifier", "features": 3}}, "model"),
        ({"model": {"class": "LinearClassifier", "fixed_point": {"digits": 3}}}, "model"),
        ({"model": {}}, "model.class"),
        ({"capsule": ...}, "capsule: is missing"),
        ({"bounty": 1000}, "bounty: 1000 has no unit"),
        ({"lasts": 15}, "lasts: 15 has no unit: write such as '15 days'"),
        ({"audit_window": 60}, "audit_window: 60 has no unit"),
        ({"target_accuracy": []}, "target_accuracy"),
        ({"lasts": ..., "last": "2 days"}, "unknown key 'last'; did you mean 'lasts'?"),
        ({"model": "X"}, "model: "),
        (
            {"model": {"class": "LinearClassifier", "feature": 3}},
            "model: unknown key 'feature'; did you mean 'features'?",
        ),
        (
            {"output": {"fields": [{"name": "days", "type": "number"}]}},
            "Table Schema: output: fields.0: a number needs",
        ),
        ({"input": "missing.json"}, "missing.json: there is no such file"),
        ({"nonce": -1}, "nonce"),
        ({"surprise": 1}, "unknown key 'surprise': use one of model, input"),
        ({"input": "hidden.csv"}, "hidden.csv: not JSON"),
        ({"input": 3}, "input"),
        ({"input": OUTPUT}, "two fields"),
        ({"output": {"fields": [{"name": "dead", "type": "boolean"}]}}, "hidden.csv, column 'dead': missing"),
        ({"validation": "input.schema.json"}, "input.schema.json, column 'age'"),
    ],
)
def test_faults_are_named(write: Write, change: dict[str, Any], why: str) -> None:
    with pytest.raises(SonarError) as caught:
        read_campaign_file(write(**change))
    assert why in str(caught.value)


def test_a_malformed_row_is_named(write: Write, tmp_path: Path) -> None:
    path = write()
    (tmp_path / "hidden.csv").write_text("ill,age\ntrue,60\nfalse,old\n")
    with pytest.raises(RowError, match=r"row 2 \(line 3\), column 'age'"):
        read_campaign_file(path)


def test_addresses_need_no_quotes(write: Write) -> None:
    path = write(parent="0xab")
    text = path.read_text().replace("'", "")
    assert f"capsule: {FILE['capsule']}\n" in text
    path.write_text(text)
    asked, parent = read_campaign_file(path)
    assert (asked["capsule"], parent) == (FILE["capsule"], "0xab")


def test_the_file_takes_every_option() -> None:
    assert CampaignOptions.__dataclass_fields__.keys() <= CampaignFile.model_fields.keys()


@pytest.mark.parametrize(
    "text",
    ["", "]", "- a", "!!python/object/apply:os.system ['true']", "\x00", DEEP, "#" * (1 << 20) + "\n#"],
    ids=range(7),
)
def test_files_that_are_no_campaign(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(SonarError, match=r"campaign file .*bad\.yaml"):
        read_campaign_file(path)
