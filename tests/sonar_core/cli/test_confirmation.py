"""Nothing is sent before its preview was shown and agreed to."""

from __future__ import annotations

import json
import sys
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from sonar_core.cli.confirmation import Confirmation, Preview, confirmation_options
from sonar_core.cli.console import json_option
from sonar_core.cli.errors import cli_errors

CAMPAIGN = "0x" + "ab" * 32
PREVIEW = Preview(
    f"Stop Campaign {CAMPAIGN[:12]}",
    [("Campaign", CAMPAIGN), ("Gas", "0.0001 ether at most"), ("Label [bold]", "[red]x")],
    ["Mining ends for good."],
)


@click.command()
@json_option
@confirmation_options
@cli_errors()
def send(confirmation: Confirmation, as_json: bool) -> None:
    if confirmation.ask(PREVIEW):
        click.echo(json.dumps({"sent": True}) if as_json else "sent")


def run(*arguments: str, answer: str | None = None) -> Result:
    return CliRunner(mix_stderr=False).invoke(send, list(arguments), input=answer)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers come from the runner, as if it were a terminal."""
    import click.testing

    monkeypatch.setattr(click.testing._NamedTextIOWrapper, "isatty", lambda self: True, raising=False)


def test_yes_shows_the_preview_and_sends() -> None:
    result = run("--yes")
    assert result.stdout.startswith("Stop Campaign 0xabababab")
    assert CAMPAIGN in result.stdout
    assert "Label [bold]" in result.stdout
    assert "Warning: Mining ends for good." in result.stdout
    assert result.stdout.endswith("sent\n")


def test_a_preview_has_at_most_80_columns_and_cuts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    long = Preview("Title " * 30, [("A label", "f" * 300)], ["word " * 60])
    seen: list[str] = []
    monkeypatch.setattr(sys.modules[__name__], "PREVIEW", long)
    seen = run("--dry-run").stdout.splitlines()
    assert max(map(len, seen)) <= 80
    assert "".join(seen).count("f") == 300


def test_a_dry_run_sends_nothing() -> None:
    result = run("--dry-run", "--yes")
    assert result.stdout.endswith("Dry run: nothing was sent.\n")
    assert result.exit_code == 0


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(
    ("answer", "end"), [("y\n", "sent\n"), ("n\n", "Nothing was sent.\n"), ("\n", "Nothing was sent.\n")]
)
def test_the_answer_decides_and_no_is_the_default(answer: str, end: str) -> None:
    result = run(answer=answer)
    assert "Send? [y/N]" in result.stdout
    assert result.stdout.endswith(end)
    assert result.exit_code == 0


@pytest.mark.usefixtures("terminal")
def test_ctrl_c_at_the_question_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> bool:
        raise click.Abort

    monkeypatch.setattr(click, "confirm", interrupted)
    result = run()
    assert result.stdout.endswith("\nNothing was sent.\n")
    assert result.exit_code == 130


def test_without_a_terminal_and_without_yes_it_is_refused() -> None:
    result = run(answer="y\n")
    assert result.exit_code == 1
    assert "no terminal to ask on; repeat with --yes" in result.stderr
    assert "sent\n" not in result.stdout.splitlines()


def test_json_has_standard_output_for_itself() -> None:
    result = run("--json", "--yes")
    assert json.loads(result.stdout) == {"sent": True}
    assert CAMPAIGN in result.stderr


def test_a_dry_run_in_json_is_the_preview() -> None:
    document = json.loads(run("--json", "--dry-run").stdout)
    assert document == {
        "dry_run": True,
        "title": PREVIEW.title,
        "rows": dict(PREVIEW.rows),
        "warnings": list(PREVIEW.warnings),
    }
