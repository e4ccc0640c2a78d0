"""`ape capsule run`: serves the Campaigns that name this Capsule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from ape.cli import ConnectedProviderCommand, account_option

from ape_capsule.commands.options import home_option, passphrase_option, sonar_option
from ape_capsule.home.paths import default_home
from ape_capsule.service import open_capsule, serve
from sonar_core.cli.console import json_option
from sonar_core.cli.errors import cli_errors
from sonar_core.service.action import reporter
from sonar_core.service.observer_setup import ObserverOptions, open_watch, watch_options


@click.command(cls=ConnectedProviderCommand)
@account_option()
@home_option
@sonar_option
@passphrase_option
@click.option("--poll", type=click.FloatRange(min=0.05), help="Seconds between two reads of the chain.")
@click.option("--workers", type=click.IntRange(0, 256), help="Processes that score; 0: none. Default: one per core.")
@click.option("--once", is_flag=True, help="Do what can be done now, and end.")
@json_option
@watch_options
@cli_errors()
def run(
    account: Any,
    home: Path | None,
    sonar: str | None,
    passphrase: str,
    poll: float | None,
    workers: int | None,
    once: bool,
    as_json: bool,
    watching: ObserverOptions,
) -> None:
    """Serve the Campaigns that name this Capsule."""
    folder = home or default_home()
    with (
        open_watch(watching, "capsule", folder, reporter(as_json)) as observer,
        # A single turn waits for no other process.
        open_capsule(account, folder, passphrase, observer, sonar=sonar, workers=0 if once else workers) as capsule,
    ):
        if not once:
            serve(capsule, observer, poll_interval=poll)
            return
        for action in capsule.step():
            observer.acted(action)
