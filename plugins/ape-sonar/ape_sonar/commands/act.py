"""`ape sonar stop`, `cancel`, `expire` and `refund`: transactions that end a Campaign."""

from __future__ import annotations

from typing import Any

import click
from ape.cli import ConnectedProviderCommand, account_option

from ape_sonar.campaign import Campaign
from ape_sonar.client import connect_active
from ape_sonar.commands.options import campaign_option, print_json, sonar_option
from ape_sonar.formatting import format_time
from ape_sonar.previews import cancel_preview, expire_preview, refund_preview, stop_preview
from sonar_core.base.errors import UsageError
from sonar_core.cli.confirmation import Confirmation, confirmation_options
from sonar_core.cli.console import json_option
from sonar_core.cli.errors import cli_errors
from sonar_core.cli.signing import unlock
from sonar_core.protocol.structs import Status
from sonar_core.protocol.units import parse_address


@click.command(cls=ConnectedProviderCommand)
@campaign_option
@account_option()
@sonar_option
@confirmation_options
@cli_errors()
def stop(campaign: str, account: Any, sonar: str | None, confirmation: Confirmation) -> None:
    """End mining after the notice period. Gradients submitted before are still scored and paid."""
    found = connect_active(account, sonar=sonar).campaign(campaign)
    if found.status is not Status.OPEN:
        _refuse(found, {Status.REQUESTED: "its Capsule has not opened it: `ape sonar cancel` takes it back"}, "to stop")
    if confirmation.ask(stop_preview(found)):
        unlock(account)
        found.stop()
        click.echo(f"Mining of Campaign 0x{found.id.hex()} ends at {format_time(found.state.ends_at)}.")


@click.command(cls=ConnectedProviderCommand)
@campaign_option
@account_option()
@sonar_option
@confirmation_options
@cli_errors()
def cancel(campaign: str, account: Any, sonar: str | None, confirmation: Confirmation) -> None:
    """Take a Campaign back before its Capsule opens it. Then `refund` pays the money back."""
    found = connect_active(account, sonar=sonar).campaign(campaign)
    if found.status is not Status.REQUESTED:
        _refuse(found, {Status.OPEN: "its Capsule has opened it: `ape sonar stop` ends mining"}, "to cancel")
    if confirmation.ask(cancel_preview(found)):
        unlock(account)
        found.cancel()
        click.echo(f"Campaign 0x{found.id.hex()} is cancelled. Next: ape sonar refund --campaign 0x{found.id.hex()}")


@click.command(cls=ConnectedProviderCommand)
@campaign_option
@account_option()
@sonar_option
@confirmation_options
@cli_errors()
def expire(campaign: str, account: Any, sonar: str | None, confirmation: Confirmation) -> None:
    """Record that the Capsule missed a window. Then everybody can take what belongs to them."""
    found = connect_active(account, sonar=sonar).campaign(campaign)
    if found.state.recorded is not Status.OPEN or found.status is not Status.EXPIRED:
        waiting = f"no window was missed: the Capsule has until {format_time(found.state.due_at())}"
        _refuse(found, dict.fromkeys((Status.OPEN, Status.CLOSING, Status.REQUESTED), waiting), "to expire")
    if confirmation.ask(expire_preview(found)):
        unlock(account)
        found.expire()
        click.echo(f"Campaign 0x{found.id.hex()} is expired. Next: ape sonar refund --campaign 0x{found.id.hex()}")


@click.command(cls=ConnectedProviderCommand)
@campaign_option
@account_option()
@click.option("--to", help="Address that is paid. Default: the account.")
@sonar_option
@json_option
@confirmation_options
@cli_errors()
def refund(
    campaign: str, account: Any, to: str | None, sonar: str | None, as_json: bool, confirmation: Confirmation
) -> None:
    """Take back the money that nobody earned."""
    found = connect_active(account, sonar=sonar).campaign(campaign)
    receiver = parse_address(to) if to else str(account.address)
    if not found.refundable.units:
        raise UsageError(f"Campaign 0x{found.id.hex()} is {found.status}: nothing is left to refund")
    if not confirmation.ask(refund_preview(found, receiver)):
        return
    unlock(account)
    amount = found.refund(receiver)
    if as_json:
        print_json({"campaign": "0x" + found.id.hex(), "refunded": str(amount), "units": str(amount.units)})
    else:
        click.echo(f"{amount} of Campaign 0x{found.id.hex()} are paid to {receiver}.")


def _refuse(campaign: Campaign, reasons: dict[Status, str], action: str) -> None:
    """Raises UsageError with the reason for the Campaign's status."""
    status = campaign.status
    reason = reasons.get(status, f"nothing is left {action}")
    raise UsageError(f"Campaign 0x{campaign.id.hex()} is {status}: {reason}")
