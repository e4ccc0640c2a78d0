"""Reference pages name every field of the files that people write, and every page names commands that exist."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
import yaml
from pydantic import BaseModel

import ape_sonar
from ape_mine.policy.consent import Consent
from ape_mine.policy.document import Policy, Privacy, Rule, Source
from ape_sonar.campaign_file import CampaignFile, ModelPart
from scripts._toolchain.commands_page import GROUPS, MARKER, commands, commands_page
from sonar_core.protocol.units import Currency

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]

TABLES = [
    ("campaign-file.md", "## Fields", CampaignFile),
    ("campaign-file.md", "## Fields of `model`", ModelPart),
    ("policy-file.md", "## Top level", Policy),
    ("policy-file.md", "## A dataset", Source),
    ("policy-file.md", "### Consent", Consent),
    ("policy-file.md", "### Privacy budget", Privacy),
    ("policy-file.md", "## A rule", Rule),
]
COMMANDS = {name: command for group in GROUPS for name, command in commands(group)}
#: Ape adds it to each command that connects to a chain.
NETWORK = "--network"
_NAMED_COMMAND = re.compile(rf"\bape ((?:{'|'.join(GROUPS)})(?: [a-z][a-z-]*)+)([^`\n|#]*)")


def table(page: str, heading: str) -> dict[str, str]:
    """Default by field, of the table under a heading."""
    section = (DOCS / "reference" / page).read_text().split(f"\n{heading}\n")[1].split("\n#")[0]
    rows = [line.split(" | ") for line in section.splitlines() if line.startswith("| `")]
    return {row[0].strip("| `"): row[2] for row in rows}


@pytest.mark.parametrize(("page", "heading", "model"), TABLES)
def test_a_table_has_each_field_and_says_which_are_required(page: str, heading: str, model: type[BaseModel]) -> None:
    fields = {info.alias or name: info.is_required() for name, info in model.model_fields.items()}
    assert {name: default == "required" for name, default in table(page, heading).items()} == fields


def test_a_number_in_a_table_is_the_default() -> None:
    for page, heading, model in TABLES:
        written = table(page, heading)
        for name, info in model.model_fields.items():
            if isinstance(info.default, int | float):
                assert written[info.alias or name] == str(info.default), name


@pytest.mark.parametrize("page", ["reference/policy-file.md", "how-to/run-a-mine.md"])
def test_a_documented_policy_is_one(page: str) -> None:
    example = re.findall(r"```yaml\n(datasets:.*?)```", (DOCS / page).read_text(), re.DOTALL)
    assert len(example) == 1
    token = Currency("0x" + "1" * 40, "USDC", 6)
    policy = Policy.from_yaml(example[0], [token])
    assert policy.allow[0].output == ("readmitted",)


def test_the_whole_policy_has_every_field_of_a_rule() -> None:
    page = (DOCS / "reference/policy-file.md").read_text()
    rule = yaml.safe_load(page.split("```yaml\n")[1].split("```")[0])["allow"][0]
    assert set(rule) == set(Rule.model_fields)


def test_the_page_of_commands_is_built_from_the_click_groups() -> None:
    assert (DOCS / "reference/cli.md").read_text().count(MARKER) == 1
    page = commands_page()
    for name, command in COMMANDS.items():
        section = page.split(f"### `{name}")[1].split("\n### ")[0]
        for option in option_names(command) - {NETWORK, "--help"}:
            assert option in section, (name, option)


def test_the_api_page_has_every_public_name_of_pysonar() -> None:
    page = (DOCS / "reference/api/ape-sonar.md").read_text()
    assert sorted(re.findall(r"^::: ape_sonar\.(\w+)$", page, re.MULTILINE)) == sorted(ape_sonar.__all__)


def test_each_decision_has_a_line_in_the_index() -> None:
    index = (DOCS / "decisions/index.md").read_text()
    for record in sorted((DOCS / "decisions").glob("0*.md")):
        title = record.read_text().splitlines()[0].removeprefix("# ")
        assert f"| [{title}]({record.name}) |" in index


def option_names(command: click.Command) -> set[str]:
    options = (one for one in command.params if isinstance(one, click.Option) and not one.hidden)
    return {NETWORK, "--help", *(name for option in options for name in (*option.opts, *option.secondary_opts))}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_command_that_a_page_names_exists_with_its_options(page: Path) -> None:
    for words, rest in _NAMED_COMMAND.findall(page.read_text()):
        name = next((name for name in COMMANDS if f"ape {words} ".startswith(f"{name} ")), None)
        assert name, f"ape {words}"
        for option in re.findall(r"(?<!\S)--[a-z][a-z-]*", rest):
            assert option in option_names(COMMANDS[name]), f"{name} {option}"
