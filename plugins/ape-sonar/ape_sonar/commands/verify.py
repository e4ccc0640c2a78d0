"""`ape sonar verify` and `spec-schema`: what anybody can check."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click
from ape.cli import ConnectedProviderCommand

from ape_sonar.commands.options import print_json, sonar_option
from sonar_core.app.connection import find_connection
from sonar_core.chain.deploy.code_verification import verify
from sonar_core.cli.console import json_option
from sonar_core.cli.errors import cli_errors
from sonar_core.protocol.campaign_spec import spec_schema


@click.command(name="verify", cls=ConnectedProviderCommand)
@sonar_option
@json_option
@cli_errors()
def verify_command(provider: Any, sonar: str | None, as_json: bool) -> None:
    """Compare the contracts' code on chain with this commit's. Every byte counts."""
    chain = find_connection(None, sonar).chain
    found = verify(provider.web3, chain.address, chain.registry_address)
    if as_json:
        print_json({"verified": True, **asdict(found)})
        return
    click.echo(f"Sonar {found.sonar}: all {found.sonar_bytes} bytes are this commit's.")
    click.echo(f"CapsuleRegistry {found.registry}: all {found.registry_bytes} bytes are this commit's.")


@click.command(name="spec-schema")
def spec_schema_command() -> None:
    """Print the JSON Schema of a Campaign spec."""
    print_json(spec_schema())
