"""`ape mine approve`."""

from __future__ import annotations

import re
from pathlib import Path

import click

from ape_mine.commands.options import echo_wrapped, home_option
from ape_mine.errors import NothingToApproveError
from ape_mine.home.home import Home
from ape_mine.policy.decision import PolicyVerdict
from ape_mine.service import default_home
from sonar_core.base.errors import UsageError
from sonar_core.cli.errors import cli_errors

_BEGINNING = re.compile(r"0x[0-9a-fA-F]{4,64}")


@click.command()
@click.argument("campaign")
@click.option("--network", expose_value=False, help="Not used: an approval needs no chain.")
@home_option
@cli_errors()
def approve(campaign: str, home: Path | None) -> None:
    """Approve of a CAMPAIGN that the policy leaves to you. The beginning of its id is enough."""
    if not _BEGINNING.fullmatch(campaign):
        raise UsageError(f"{campaign!r:.80} is no Campaign: write its id, or the first digits of it, as 0x...")
    with Home(home or default_home()).state().opened() as state:
        notes = [note for note in state.notes() if f"0x{note.campaign.hex()}".startswith(campaign.lower())]
        notes = [note for note in notes if note.verdict is PolicyVerdict.ASK]
        if not notes:
            raise NothingToApproveError(campaign)
        if len(notes) > 1:
            raise UsageError(f"{len(notes)} Campaigns that await approval begin with {campaign}: write more digits")
        note = notes[0]
        state.approve(note.campaign, note.dataset)
    echo_wrapped(f"Approved: 0x{note.campaign.hex()} may train on {note.dataset} ({note.reason}).")
