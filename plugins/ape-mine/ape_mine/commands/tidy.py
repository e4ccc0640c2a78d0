"""`ape mine tidy`."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import click
from ape.cli import ConnectedProviderCommand

from ape_mine.commands.options import home_option
from ape_mine.holding import mine_holding
from ape_mine.home import Home
from ape_mine.service import default_home
from ape_sonar.chronicle import Chronicle
from ape_sonar.config import configured_cache, configured_store
from ape_sonar.errors import cli_errors
from ape_sonar.screen import json_option
from ape_sonar.site import find_site
from ape_sonar.store.backlog import Backlog
from ape_sonar.tidy_command import after_option, yes_option
from ape_sonar.tidy_command import tidy as tidy_up
from ape_sonar.tidying import Tidier


@click.command(cls=ConnectedProviderCommand)
@home_option
@after_option
@yes_option
@json_option
@cli_errors()
def tidy(home: Path | None, after: str | None, yes: bool, as_json: bool) -> None:
    """Say what the IPFS nodes and the cache keep of Campaigns that are over, and how many bytes; let go with --yes.

    With --yes the Mine must not be running; it does it by itself where `tidy_after` is set.
    """
    place = Home(home or default_home())
    with place.lock() if yes else nullcontext(), (place.state() if yes else place.rehearsal()).opened() as state:
        owner = state.owner()
        site = find_site(None, owner.sonar)
        chronicle = Chronicle(site.chain, state.journal, confirmations=site.confirmations, start_block=site.start_block)
        store = configured_store(backlog=Backlog(state.journal))
        tidier = Tidier(state.journal, store, configured_cache(), mine_holding(owner.miner))
        tidy_up(tidier, chronicle, site.chain, after, yes=yes, as_json=as_json)
