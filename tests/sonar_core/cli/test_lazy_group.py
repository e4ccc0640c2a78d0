"""A lazy group's help imports no command, and its lines are the commands' own."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from types import ModuleType

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from sonar_core.cli.lazy_group import LazyGroup


@pytest.fixture
def group() -> LazyGroup:
    return LazyGroup(
        "tool",
        help="A tool.",
        lazy_commands={
            "run": ("a_heavy_module:run", "Run it."),
            "gone": ("no_such_module:gone", "Never imported."),
        },
    )


@pytest.fixture
def heavy(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("a_heavy_module")
    module.run = click.Command("run", callback=lambda: click.echo("ran"), help="Run it.")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "a_heavy_module", module)


def test_the_help_imports_nothing(group: LazyGroup) -> None:
    result = CliRunner().invoke(group, ["--help"])
    assert result.exit_code == 0
    assert "run   Run it." in result.output
    assert "gone  Never imported." in result.output


@pytest.mark.usefixtures("heavy")
def test_a_command_is_imported_when_it_is_used(group: LazyGroup) -> None:
    assert CliRunner().invoke(group, ["run"]).output == "ran\n"


def test_an_unknown_command_is_named(group: LazyGroup) -> None:
    result = CliRunner().invoke(group, ["walk"])
    assert result.exit_code == 2
    assert "No such command 'walk'" in result.output


def test_completion_imports_nothing(group: LazyGroup) -> None:
    completion = ShellComplete(group, {}, "tool", "_TOOL_COMPLETE")
    found = completion.get_completions([], "g")
    assert [(item.value, item.help) for item in found] == [("gone", "Never imported.")]


GROUPS = [
    point.load()
    for point in entry_points(group="ape_cli_subcommands")
    if point.module.split(".")[0] in {"ape_sonar", "ape_capsule", "ape_mine"}
]
LINES = [(group, name) for group in GROUPS if isinstance(group, LazyGroup) for name in group.lazy_commands]


@pytest.mark.parametrize(("group", "name"), LINES, ids=[name for _, name in LINES])
def test_the_line_of_a_command_is_the_first_sentence_of_its_help(group: LazyGroup, name: str) -> None:
    command = group.get_command(click.Context(group), name)
    assert command is not None
    assert command.get_short_help_str(limit=200).rstrip(".") == group.lazy_commands[name][1].rstrip(".")
