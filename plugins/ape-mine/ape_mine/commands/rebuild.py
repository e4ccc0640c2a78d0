"""`ape mine rebuild`: a state file that is damaged, lost or of another chain, made anew."""

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


@click.command(name="rebuild", cls=ConnectedProviderCommand)
@account_option()
@home_option
@sonar_option
@cli_errors()
def rebuild_command(account: Any, home: Path | None, sonar: str | None) -> None:
    """Make the Mine's state file anew from the chain, where it is damaged, lost or of another chain.

    The old file is moved aside, never deleted. What of each dataset was told without a readable old file is not known:
    then its privacy budget counts as spent. A copy of the old file is better, if there is one.
    """
    site = find_connection(account, sonar)
    done = rebuild(
        home or default_home(),
        site.chain,
        configured_store(),
        confirmations=site.confirmations,
        start_block=site.start_block,
    )
    for line in _told(done):
        click.echo(line)


def _told(done: RebuiltState) -> list[str]:
    lines = [
        f"The old file is {done.aside}, if there was one.",
        f"Found on chain: {done.gradients} Gradients for {done.campaigns} Campaigns, {done.scored} of them scored, "
        f"{done.claimed} claimed.",
    ]
    lines += [
        f"Lost: Gradient {number} of Campaign 0x{campaign.hex()} is in no store, and is rejected for it."
        for campaign, number in done.lost
    ]
    if done.spent:
        lines.append(f"Privacy budgets that count as spent now: {', '.join(done.spent)}.")
    return [*lines, "Approvals by hand are asked for again."]
