"""What a machine reads is JSON alone."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import click
import pytest
from ape.logging import logger
from click.testing import CliRunner

from sonar_core.cli.console import json_option


@click.command()
@json_option
def command(as_json: bool) -> None:
    logger.info("Confirmed 0x00")
    logger.warning("the node is slow")
    click.echo(json.dumps({"done": True}) if as_json else "done")


@pytest.fixture(autouse=True)
def talkative() -> Iterator[None]:
    """As Ape is, but for its tests."""
    before = logger.level
    logger.set_level("INFO")
    yield
    logger.set_level(before)


def test_what_ape_logs_is_not_among_the_json() -> None:
    before = list(logging.getLogger("ape").handlers)
    result = CliRunner(mix_stderr=False).invoke(command, ["--json"])
    assert json.loads(result.stdout) == {"done": True}
    assert "Confirmed 0x00" in result.stderr
    assert "the node is slow" in result.stderr
    assert logging.getLogger("ape").handlers == before


def test_a_person_sees_it_where_ape_puts_it() -> None:
    result = CliRunner(mix_stderr=False).invoke(command)
    assert "Confirmed 0x00" in result.stdout
    assert result.stdout.endswith("done\n")
