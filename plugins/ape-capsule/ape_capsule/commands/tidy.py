"""`ape capsule tidy`."""

from __future__ import annotations

from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import click
from ape.cli import ConnectedProviderCommand, account_option

from ape_sonar.chronicle import Chronicle
from ape_sonar.config import configured_cache, configured_store
from ape_sonar.errors import cli_errors
from ape_sonar.screen import json_option
from ape_sonar.site import find_site
from ape_sonar.store.backlog import Backlog
from ape_sonar.tidy_command import after_option, yes_option
from ape_sonar.tidy_command import tidy as tidy_up
from ape_sonar.tidying import Tidier

from ..holding import capsule_holding
from ..identity import require_identity
from ..service import STATE_FILE, default_home, lock
from ..state import State
from .options import home_option, sonar_option


@click.command(cls=ConnectedProviderCommand)
@account_option()
@home_option
@sonar_option
@after_option
@yes_option
@json_option
@cli_errors()
def tidy(account: Any, home: Path | None, sonar: str | None, after: str | None, yes: bool, as_json: bool) -> None:
    """Say what the IPFS nodes and the cache keep of Campaigns that are over, and how many bytes; let go with --yes.

    With --yes the Capsule must not be serving; a service does it by itself where `tidy_after` is set.
    """
    place, site = home or default_home(), find_site(account, sonar)
    require_identity(place)
    with lock(place) if yes else nullcontext(), closing(State(place / STATE_FILE, rehearsal=not yes)) as state:
        chronicle = Chronicle(site.chain, state.journal, confirmations=site.confirmations, start_block=site.start_block)
        store = configured_store(backlog=Backlog(state.journal))
        tidier = Tidier(state.journal, store, configured_cache(), capsule_holding(state, site.chain.sender))
        tidy_up(tidier, chronicle, site.chain, after, yes=yes, as_json=as_json)
