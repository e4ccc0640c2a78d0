"""`ape mine plan`."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click
from ape.cli import ConnectedProviderCommand

from ape_mine.commands.options import echo_wrapped, home_option
from ape_mine.home.home import Home
from ape_mine.planning.dry_run import PlanView, dry_run, view_plan
from ape_mine.service import default_home
from sonar_core.app.connection import find_connection
from sonar_core.app.settings import configured_store
from sonar_core.base.errors import UsageError
from sonar_core.cli.console import json_option
from sonar_core.cli.errors import cli_errors


@click.command(cls=ConnectedProviderCommand)
@click.option("--at", help="Time of the plan, for a policy with hours: 2026-12-01T23:30+01:00. Default: now.")
@home_option
@json_option
@cli_errors()
def plan(at: str | None, home: Path | None, as_json: bool) -> None:
    """Show what the Mine would do about each open Campaign, and why. Nothing is done."""
    opened, clock = Home(home or default_home()), _parse_time(at)
    with opened.state_copy().opened() as state:
        connection = find_connection(None, state.owner().sonar)
        policy, error = opened.policy_or_error(connection.tokens)
        intents = dry_run(
            opened,
            state,
            connection.chain,
            configured_store(),
            policy,
            confirmations=connection.confirmations,
            start_block=connection.start_block,
            clock=clock,
        )
        views = view_plan(intents, connection.tokens)
    if as_json:
        parts = {"policy_error": error, "campaigns": [asdict(view) for view in views]}
        click.echo(json.dumps({"at": clock.isoformat(timespec="seconds"), **parts}))
        return
    if error:
        echo_wrapped(f"Nothing leaves: {error}")
    if not views:
        click.echo("No Campaign is open.")
    for view in views:
        _echo_plan(view)
    if any(view.step == "ask" for view in views):
        click.echo("`ape mine approve CAMPAIGN` approves of one by hand.")


def _parse_time(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise UsageError(f"{text!r:.60} is no time: write one with its UTC offset, such as 2026-12-01T23:30+01:00")
    return time


def _echo_plan(view: PlanView) -> None:
    click.echo(view.campaign)
    on = f" on {view.dataset}" if view.dataset else ""
    money = f"; may earn {view.reward_words}, costs {view.cost_words}" if view.reward_words else ""
    echo_wrapped(f"{view.step}{on}{money}", indent=2)
    echo_wrapped(view.reason, indent=2)
