"""`ape mine rebuild`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from ape.cli import ConnectedProviderCommand, account_option

from ape_mine.commands.options import home_option, sonar_option
from ape_mine.maintenance.rebuild_state import RebuiltState, rebuild
from ape_mine.service import default_home
from sonar_core.app.connection import find_connection
from sonar_core.app.settings import configured_store
from sonar_core.cli.errors import cli_errors
from sonar_core.protocol.units import counted


@click.command(name="rebuild", cls=ConnectedProviderCommand)
@account_option()
@home_option
@sonar_option
@cli_errors()
def rebuild_command(account: Any, home: Path | None, sonar: str | None) -> None:
    """Rebuild the Mine's state file from the chain. Needed if it is damaged, lost or of another chain.

    The old file is moved aside, never deleted. Without a readable old file the privacy that each dataset spent is
    unknown, and its budget counts as spent. If you have a copy of the old file, restore it instead.
    """
    connection = find_connection(account, sonar)
    done = rebuild(
        home or default_home(),
        connection.chain,
        configured_store(),
        confirmations=connection.confirmations,
        start_block=connection.start_block,
    )
    for line in _lines(done):
        click.echo(line)


def _lines(done: RebuiltState) -> list[str]:
    lines = [
        f"The old file, if there was one, is now {done.aside}.",
        f"Found on chain: {counted(done.gradients, 'Gradient')} for {counted(done.campaigns, 'Campaign')}, "
        f"{done.scored} scored, {done.claimed} claimed.",
    ]
    lines += [
        f"Lost: Gradient {number} of Campaign 0x{campaign.hex()} is in no store, and will be rejected."
        for campaign, number in done.lost
    ]
    if done.spent:
        lines.append(f"Privacy budgets that count as spent now: {', '.join(done.spent)}.")
    return [*lines, "Approvals by hand are asked for again."]
