"""`ape capsule tidy`: releases blobs of Campaigns that are over."""

from __future__ import annotations

from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import click
from ape.cli import ConnectedProviderCommand, account_option

from ape_capsule.commands.options import home_option, sonar_option
from ape_capsule.home.paths import STATE_FILE, default_home, lock
from ape_capsule.home.pinned_blobs import capsule_holding
from ape_capsule.home.state import CapsuleJournal
from ape_capsule.keys.openpgp_identity import require_identity
from sonar_core.app.connection import find_connection
from sonar_core.app.settings import configured_cache, configured_store
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
    """Show which blobs of Campaigns that are over can be released.

    That is, blobs that IPFS nodes and the cache keep, with their bytes; --yes releases them. With --yes the Capsule
    must not serve. A service releases them by itself if `tidy_after` is set.
    """
    folder, connection = home or default_home(), find_connection(account, sonar)
    require_identity(folder)
    locked = lock(folder) if yes else nullcontext()
    with locked, closing(CapsuleJournal(folder / STATE_FILE, rehearsal=not yes)) as journal:
        database, chain = journal.database, connection.chain
        store = configured_store(backlog=Backlog(database))
        tidier = Tidier(database, store, configured_cache(), capsule_holding(journal, chain.sender))
        tidy_up(tidier, connection.event_log(database), chain, after, yes=yes, as_json=as_json)
