"""`ape capsule log`: what was decrypted, and whether the chain says the same."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from ape import networks
from rich.table import Table

from ape_capsule.commands.options import home_option, sonar_option
from ape_capsule.errors import AuditError
from ape_capsule.keys.openpgp_identity import require_identity
from ape_capsule.keys.warrant_audit import audit
from ape_capsule.keys.warrant_log import Entry, read
from ape_capsule.service import WARRANT_FILE, default_home
from sonar_core.app.connection import find_connection
from sonar_core.base.errors import UsageError
from sonar_core.cli.console import json_option, open_console
from sonar_core.cli.errors import cli_errors
from sonar_core.protocol.units import parse_address


@click.command()
@home_option
@json_option
@click.option("--verify", "verifying", is_flag=True, help="Hold the log against the chain as well.")
@click.option("--capsule", help="Address of the Capsule's account, for --verify.")
@click.option("--network", help="Where the chain is, for --verify: as in Ape, ECOSYSTEM:NETWORK:PROVIDER.")
@sonar_option
@cli_errors()
def log(
    home: Path | None,
    as_json: bool,
    verifying: bool,
    capsule: str | None,
    network: str | None,
    sonar: str | None,
) -> None:
    """Show the warrant log: what was decrypted, and why.

    That is, which transaction warranted it. The log's chain of digests is checked.

    With --verify, each warrant must name the transaction that registered what was decrypted, and each decryption that
    the chain shows must have its warrant. Exit status 1 where they disagree.
    """
    place = home or default_home()
    require_identity(place)
    entries = list(read(place / WARRANT_FILE))
    if verifying:
        _verify(entries, capsule, network, sonar)
    if as_json:
        click.echo(json.dumps([_facts(entry) for entry in entries]))
        return
    if verifying:
        click.echo(f"Log and chain agree: {len(entries)} lines.")
        return
    table = Table("Granted", "Campaign", "What", "Warranted by")
    for entry in entries:
        facts = _facts(entry)
        table.add_row(
            facts["granted"], facts["campaign"][:12], f"{facts['kind']} {facts['number']}", facts["transaction"][:12]
        )
    open_console().print(table)


def _verify(entries: list[Entry], capsule: str | None, network: str | None, sonar: str | None) -> None:
    """Raises AuditError where log and chain disagree, after telling each disagreement."""
    if capsule is None:
        raise UsageError("--verify needs --capsule, the address that answers for this log on chain")
    address = parse_address(capsule)
    with networks.parse_network_choice(network):
        site = find_connection(None, sonar)
        events = site.chain.events(site.start_block, site.chain.newest_block() + 1)
    flaws = list(audit([entry.warrant for entry in entries], events, address))
    for flaw in flaws:
        click.echo(str(flaw), err=True)
    if flaws:
        raise AuditError(flaws)


def _facts(entry: Entry) -> dict[str, Any]:
    warrant = entry.warrant
    return {
        "granted": datetime.fromtimestamp(entry.granted_at, UTC).isoformat(),
        "campaign": "0x" + warrant.campaign.hex(),
        "kind": warrant.kind.value,
        "number": warrant.number,
        "root": "0x" + warrant.root.hex(),
        "transaction": "0x" + warrant.transaction.hex(),
    }
