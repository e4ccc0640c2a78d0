"""`ape mine tidy`."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import click
from ape.cli import ConnectedProviderCommand

from ape_mine.commands.options import home_option
from ape_mine.home.home import Home
from ape_mine.home.published_blobs import mine_holding
from ape_mine.service import default_home
from sonar_core.app.connection import find_connection
from sonar_core.app.settings import configured_cache, configured_store
from sonar_core.chain.event_log import EventLog
from sonar_core.cli.console import json_option
from sonar_core.cli.errors import cli_errors
from sonar_core.cli.tidy import after_option, yes_option
from sonar_core.cli.tidy import tidy as tidy_up
from sonar_core.service.blob_retention import Tidier
from sonar_core.store.replication_backlog import Backlog


@click.command(cls=ConnectedProviderCommand)
@home_option
@after_option
@yes_option
@json_option
@cli_errors()
def tidy(home: Path | None, after: str | None, yes: bool, as_json: bool) -> None:
    """Show the blobs of Campaigns that are over, and delete them with --yes.

    With --yes the Mine must not be running. A running Mine deletes them itself if `tidy_after` is set.
    """
    opened = Home(home or default_home())
    with opened.lock() if yes else nullcontext(), (opened.state() if yes else opened.state_copy()).opened() as state:
        owner = state.owner()
        connection = find_connection(None, owner.sonar)
        event_log = EventLog(
            connection.chain, state.journal, confirmations=connection.confirmations, start_block=connection.start_block
        )
        store = configured_store(backlog=Backlog(state.journal))
        tidier = Tidier(state.journal, store, configured_cache(), mine_holding(owner.miner))
        tidy_up(tidier, event_log, connection.chain, after, yes=yes, as_json=as_json)
