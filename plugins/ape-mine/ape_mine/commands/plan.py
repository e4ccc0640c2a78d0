"""`ape mine plan`: a dry run."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click
from ape.cli import ConnectedProviderCommand
from rich.table import Table
from rich.text import Text

from ape_mine.commands.options import home_option
from ape_mine.home.home import Home
from ape_mine.planning.dry_run import PlanView, rehearse, view_plan
from ape_mine.service import default_home
from sonar_core.app.connection import find_connection
from sonar_core.app.settings import configured_store
from sonar_core.base.errors import UsageError
from sonar_core.cli.console import json_option, open_console
from sonar_core.cli.errors import cli_errors


@click.command(cls=ConnectedProviderCommand)
@click.option("--at", help="As if the machine's clock said so, for a policy with hours: 2026-12-01T23:30+01:00.")
@home_option
@json_option
@cli_errors()
def plan(at: str | None, home: Path | None, as_json: bool) -> None:
    """Say what the Mine would do about each open Campaign, and why, and do none of it."""
    place, clock = Home(home or default_home()), _moment(at)
    with place.rehearsal().opened() as state:
        site = find_connection(None, state.owner().sonar)
        policy, broken = place.policy_and_fault(site.tokens)
        intents = rehearse(
            place,
            state,
            site.chain,
            configured_store(),
            policy,
            confirmations=site.confirmations,
            start_block=site.start_block,
            clock=clock,
        )
        views = view_plan(intents, site.tokens)
    if as_json:
        parts = {"policy_error": broken, "campaigns": [asdict(view) for view in views]}
        click.echo(json.dumps({"at": clock.isoformat(timespec="seconds"), **parts}))
        return
    console = open_console()
    if broken:
        console.print(f"Nothing leaves: {broken}", markup=False)
    console.print(_table(views) if views else "No Campaign is open.")
    if any(view.step == "ask" for view in views):
        console.print("`ape mine approve CAMPAIGN` approves of one by hand.")


def _moment(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise UsageError(f"{text!r:.60} is no moment: write one with its zone, such as 2026-12-01T23:30+01:00")
    return moment


def _table(views: list[PlanView]) -> Table:
    table = Table("Campaign", "Would", "Dataset", "May earn", "Costs", "Reason", title="If it looked now")
    for view in views:
        table.add_row(view.campaign, view.step, view.dataset, view.reward_words, view.cost_words, Text(view.reason))
    return table
