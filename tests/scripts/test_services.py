"""`ape run mine` and `ape run capsule` are the plugins' own commands."""

from __future__ import annotations

import click
import pytest

import ape_capsule._cli
import ape_mine._cli
from scripts import capsule, mine


@pytest.mark.parametrize(("script", "plugin"), [(mine, ape_mine._cli), (capsule, ape_capsule._cli)])
def test_a_service_has_one_command(script, plugin):
    assert script.cli is plugin.cli.get_command(click.Context(plugin.cli), "run")
    assert script.cli.callback is not None
