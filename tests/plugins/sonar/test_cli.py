"""`ape sonar`: whatever is wrong is told in one line, with status 1, never a traceback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from ape_sonar._cli import cli

pytestmark = pytest.mark.chain
NETWORK = ("--network", "ethereum:local:test")
NUMBER = {"type": "number", "constraints": {"minimum": 0, "maximum": 8}}
DOCUMENT: dict[str, Any] = {
    "model": {"class": "LinearClassifier"},
    "input": {"fields": [{"name": "dose", **NUMBER}]},
    "output": {"fields": [{"name": "ill", "type": "boolean"}]},
    "validation": "rows.csv",
    "bounty": "1000 wei",
    "capsule": "0x" + "11" * 20,
    "lasts": "1 day",
}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setenv("SONAR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SONAR_PASSPHRASE", "words")

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(cli, arguments)

    return invoke


def failed(result: Result, *words: str) -> None:
    assert isinstance(result.exception, SystemExit)
    assert result.exit_code == 1
    lines = result.output.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    for word in words:
        assert word in lines[0]


def test_the_spec_schema_is_published(run):
    result = run("spec-schema")
    assert result.exit_code == 0
    assert "certificate" in json.loads(result.stdout)["required"]


def test_without_a_deployment_it_says_how_to_get_one(run):
    failed(run("list", *NETWORK), "no deployment", "ape run deploy")


def test_an_empty_sonar_lists_nothing(run, stage):
    result = run("list", *NETWORK, "--sonar", str(stage.sonar.address), "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == []


def test_a_campaign_on_chain_is_listed_and_shown(run, stage):
    campaign = stage.opened()
    stage.submit(campaign)
    stage.score(campaign, 2 * 10**17)
    sonar = ("--sonar", str(stage.sonar.address))
    (listed,) = json.loads(run("list", *NETWORK, *sonar, "--json").stdout)
    shown = json.loads(run("show", *NETWORK, *sonar, "--campaign", campaign.hex()[:10], "--json").stdout)
    assert listed["campaign"] == shown["campaign"] == "0x" + campaign.hex()
    assert (shown["status"], shown["accuracy"], shown["payable"]["units"]) == ("open", "0.2", "750")
    assert [one["reward"]["units"] for one in shown["gradients"]] == ["250"]
    for command in (("list",), ("show", "--campaign", campaign.hex())):
        assert run(*command, *NETWORK, *sonar).exit_code == 0


@pytest.mark.parametrize("command", ["show", "watch"])
def test_a_campaign_that_nobody_created(run, stage, command):
    failed(run(command, *NETWORK, "--sonar", str(stage.sonar.address), "--campaign", "0xabcd"), "0xabcd")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"model": {"class": "Oracle"}}, "Oracle"),
        ({"bounty": None}, "bounty"),
        ({"surprise": 1}, "surprise"),
        ({"input": {"fields": [{"name": "dose", "type": "number"}]}}, "minimum"),
        ({"validation": "nowhere.csv"}, "nowhere.csv"),
    ],
)
def test_a_campaign_file_that_cannot_be_used(run, tmp_path, changes, word):
    (tmp_path / "rows.csv").write_text("dose,ill\n1,true\n2,false\n")
    file = tmp_path / "campaign.yaml"
    file.write_text(yaml.safe_dump(DOCUMENT | changes))
    failed(run("create", str(file), *NETWORK, "--account", "TEST::1"), word)


def test_a_row_that_cannot_be_used_is_named(run, tmp_path):
    (tmp_path / "rows.csv").write_text("dose,ill\n1,true\nmany,false\n")
    file = tmp_path / "campaign.json"
    file.write_text(json.dumps(DOCUMENT))
    failed(run("create", str(file), *NETWORK, "--account", "TEST::1"), "row 2", "dose")


def test_result_overwrites_nothing(run, tmp_path):
    kept = tmp_path / "weights"
    kept.write_text("mine")
    command = ("result", *NETWORK, "--account", "TEST::1", "--campaign", "0xab", "--weights", str(kept))
    failed(run(*command), str(kept.name))
    assert kept.read_text() == "mine"
