"""`ape sonar create`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from ape.cli import ConnectedProviderCommand, account_option

from ape_sonar.campaign import Campaign
from ape_sonar.campaign_file import read_campaign_file
from ape_sonar.client import connect_active
from ape_sonar.commands.options import home_option, identity_passphrase, print_json, sonar_option, unlock_identity
from ape_sonar.formatting import format_accuracy
from ape_sonar.previews import create_preview
from sonar_core.base.errors import UsageError
from sonar_core.cli.confirmation import Confirmation, confirmation_options
from sonar_core.cli.console import json_option
from sonar_core.cli.errors import cli_errors
from sonar_core.cli.signing import unlock


@click.command(cls=ConnectedProviderCommand)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@account_option()
@home_option
@sonar_option
@json_option
@identity_passphrase
@confirmation_options
@cli_errors()
def create(
    file: Path,
    account: Any,
    home: Path | None,
    sonar: str | None,
    as_json: bool,
    passphrase: str | None,
    confirmation: Confirmation,
) -> None:
    """Start the Campaign that FILE describes.

    FILE is YAML or JSON. The Bounty is put in trust. Repeated with the same FILE, the command creates nothing twice;
    change `nonce` in it for another Campaign of the same kind.
    """
    request, parent_id = read_campaign_file(file)
    connected = connect_active(account, passphrase, home=home, sonar=sonar)
    if parent_id:
        unlock_identity(connected.identity, passphrase)
    prepared = connected.prepare(parent=connected.campaign(parent_id) if parent_id else None, **request)
    if prepared.existing is not None:
        _show_existing(prepared.create(), as_json=as_json)
        return
    prepared.require_funds()
    if not confirmation.ask(create_preview(prepared)):
        return
    if prepared.draft is None and not parent_id:
        unlock_identity(connected.identity, passphrase, may_create=True)
        connected.own_key(announce=False)
    unlock(account)
    campaign = prepared.create()
    if as_json:
        print_json(campaign.facts())
        return
    click.echo(f"Campaign 0x{campaign.id.hex()} is created: {campaign.escrow} are in trust.")
    start, target = (format_accuracy(one) for one in (campaign.starting_accuracy, campaign.target_accuracy))
    click.echo(f"Miners can earn {campaign.remaining_reward}: from accuracy {start} to {target}.")
    click.echo(f"Next: ape sonar watch --campaign 0x{campaign.id.hex()}")


def _show_existing(campaign: Campaign, *, as_json: bool) -> None:
    """Says that nothing was sent. Raises UsageError if the Campaign has ended."""
    another = "for another Campaign of the same kind, set another `nonce` in the file"
    if campaign.has_ended:
        raise UsageError(
            f"this file's Campaign 0x{campaign.id.hex()} exists already and is {campaign.status}; nothing was sent: "
            f"{another}"
        )
    if as_json:
        print_json(campaign.facts())
        return
    click.echo(f"This file's Campaign 0x{campaign.id.hex()} exists already and is {campaign.status}; nothing was sent.")
    click.echo(f"Miners can still earn {campaign.remaining_reward}; {another}.")
