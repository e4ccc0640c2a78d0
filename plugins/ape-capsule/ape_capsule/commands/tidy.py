"""`ape capsule tidy`."""

from __future__ import annotations

from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import click
from ape.cli import ConnectedProviderCommand, account_option

from ape_capsule.commands.options import home_option, sonar_option
from ape_capsule.home.pinned_blobs import capsule_holding
from ape_capsule.home.state import CapsuleJournal
from ape_capsule.keys.openpgp_identity import require_identity
from ape_capsule.service import STATE_FILE, default_home, lock
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
    place, site = home or default_home(), find_connection(account, sonar)
    require_identity(place)
    with lock(place) if yes else nullcontext(), closing(CapsuleJournal(place / STATE_FILE, rehearsal=not yes)) as state:
        event_log = EventLog(site.chain, state.journal, confirmations=site.confirmations, start_block=site.start_block)
        store = configured_store(backlog=Backlog(state.journal))
        tidier = Tidier(state.journal, store, configured_cache(), capsule_holding(state, site.chain.sender))
        tidy_up(tidier, event_log, site.chain, after, yes=yes, as_json=as_json)
