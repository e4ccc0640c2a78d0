"""What stands in a command's way is one line with a remedy, whichever library raised it and wherever."""

from __future__ import annotations

import click
import pytest
from ape.exceptions import ConfigError, ProviderError
from click.testing import CliRunner

from sonar_core.base.errors import UsageError
from sonar_core.cli.errors import cli_errors, describe_error
from sonar_core.cli.lazy_group import LazyGroup


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (UsageError("a bad name: choose another"), "a bad name: choose another"),
        (
            ProviderError("No (supported) node found on 'http://user:secret@127.0.0.1:18600/key'."),
            "no node answers at http://127.0.0.1:18600: start it, or set the network's `uri` in ape-config.yaml",
        ),
        (
            ConfigError("Invalid uri: ${DEVNET_RPC}"),
            "the environment variable DEVNET_RPC is not set: it holds the URL of the network's node",
        ),
        (
            ProviderError("Missing URI for network 'main' on 'ethereum'."),
            "no node is configured for network 'main': set its `uri` in ape-config.yaml, or choose another --network",
        ),
    ],
)
def test_an_error_about_a_node_says_what_to_do(error: Exception, line: str) -> None:
    assert describe_error(error) == line


def test_the_variable_that_holds_the_url_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVNET_RPC", "http://127.0.0.1:18600")
    line = describe_error(ProviderError("No (supported) node found on 'http://127.0.0.1:18600'."))
    assert line == (
        "no node answers at http://127.0.0.1:18600, the value of DEVNET_RPC: start it, or set DEVNET_RPC to another"
    )


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, click.Abort])
def test_ctrl_c_is_one_line(interruption: type[BaseException]) -> None:
    @click.command()
    @cli_errors()
    def command() -> None:
        raise interruption

    result = CliRunner(mix_stderr=False).invoke(command)
    assert (result.exit_code, result.stderr) == (130, "\nInterrupted.\n")


def test_a_group_explains_what_fails_before_its_command_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unconnected(click.Command):
        def invoke(self, ctx: click.Context) -> None:
            raise ConfigError("Invalid uri: ${DEVNET_RPC}")

    group = LazyGroup("tool", lazy_commands={"run": ("no_module:run", "Run it.")})
    monkeypatch.setattr(group, "get_command", lambda ctx, name: Unconnected("run"))
    result = CliRunner(mix_stderr=False).invoke(group, ["run"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: the environment variable DEVNET_RPC is not set")
