"""`ape mine run`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from ape.cli import ConnectedProviderCommand, account_option

from ape_mine.commands.options import home_option, pay_to_option, rows_passphrase, sonar_option, unlocking
from ape_mine.errors import raise_trouble
from ape_mine.service import default_home, open_mine, serve
from ape_mine.training.compute_backend import ENGINES
from ape_mine.training.gradient_builder import MOST_FEATURES
from sonar_core.cli.console import json_option
from sonar_core.cli.errors import cli_errors
from sonar_core.cli.signing import account_passphrase_option
from sonar_core.service.action import reporter
from sonar_core.service.observer_setup import ObserverOptions, open_watch, watch_options


@click.command(cls=ConnectedProviderCommand)
@account_option()
@account_passphrase_option
@rows_passphrase
@home_option
@sonar_option
@pay_to_option
@click.option("--most-features", type=click.IntRange(min=1), default=MOST_FEATURES, show_default=True)
@click.option("--engine", type=click.Choice(ENGINES), default=ENGINES[0], show_default=True, help="Compute backend.")
@click.option("--scheduler", help="Address of your Dask cluster, for --engine dask: tcp://host:port.")
@click.option("--poll", type=click.FloatRange(min=0.05), help="Seconds between two readings of the chain.")
@click.option("--once", is_flag=True, help="Do what can be done now, and exit.")
@json_option
@watch_options
@cli_errors()
def run(
    account: Any,
    home: Path | None,
    sonar: str | None,
    pay_to: str | None,
    most_features: int,
    engine: str,
    scheduler: str | None,
    poll: float | None,
    once: bool,
    as_json: bool,
    watching: ObserverOptions,
    passphrase: str | None,
) -> None:
    """Train for Campaigns as the policy allows, and take payouts."""
    folder = home or default_home()
    with (
        open_watch(watching, "mine", folder, reporter(as_json)) as observer,
        open_mine(
            account,
            folder,
            sonar=sonar,
            pay_to=pay_to,
            most_features=most_features,
            engine=engine,
            scheduler=scheduler,
            observer=observer,
            ask=unlocking(passphrase),
        ) as mine,
    ):
        if not once:
            serve(mine, observer, poll_interval=poll)
            return
        actions = mine.step()
        for action in actions:
            observer.acted(action)
        raise_trouble((action.campaign, action.words) for action in actions if action.kind == "trouble")
