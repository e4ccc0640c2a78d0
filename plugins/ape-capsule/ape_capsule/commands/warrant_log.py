"""`ape capsule log`: shows the warrant log, and audits it against the chain."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from ape import networks

from ape_capsule.commands.options import home_option, sonar_option
from ape_capsule.errors import AuditError
from ape_capsule.home.paths import WARRANT_FILE, default_home
from ape_capsule.keys.openpgp_identity import require_identity
from ape_capsule.keys.warrant_audit import audit
from ape_capsule.keys.warrant_log import ChainRef, Entry, read
from ape_capsule.service import chain_ref
from sonar_core.app.connection import find_connection
from sonar_core.base.errors import UsageError
from sonar_core.cli.console import json_option, print_table
from sonar_core.cli.errors import cli_errors
from sonar_core.protocol.units import counted, parse_address


@click.command()
@home_option
@json_option
@click.option("--verify", "verifying", is_flag=True, help="Audit the log against the chain as well.")
@click.option("--capsule", help="Address of the Capsule's account, for --verify.")
@click.option("--network", help="Network of the chain, for --verify: as in Ape, ECOSYSTEM:NETWORK:PROVIDER.")
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
    the chain shows must have its warrant. Lines of another chain are counted and left out. Exit status 1 if log and
    chain disagree.
    """
    folder = home or default_home()
    require_identity(folder)
    entries = list(read(folder / WARRANT_FILE))
    others: Counter[ChainRef] = Counter()
    if verifying:
        others = _verify(entries, capsule, network, sonar)
    if as_json:
        click.echo(json.dumps([_facts(entry) for entry in entries]))
        return
    if verifying:
        click.echo(f"Log and chain agree: {counted(len(entries) - others.total(), 'line')}.")
        return
    rows = [
        (facts["granted"], facts["campaign"], f"{facts['kind']} {facts['number']}", facts["transaction"])
        for facts in map(_facts, entries)
    ]
    print_table(("Granted", "Campaign", "Decrypted", "Warranted by transaction"), rows)


def _verify(entries: list[Entry], capsule: str | None, network: str | None, sonar: str | None) -> Counter[ChainRef]:
    """Audits the lines of the connected chain and reports each disagreement; returns the lines of other chains.

    Raises:
        UsageError: `capsule` is missing or no address.
        AuditError: log and chain disagree.
    """
    if capsule is None:
        raise UsageError("--verify needs --capsule, the address of the account whose log this is")
    address = parse_address(capsule)
    with networks.parse_network_choice(network):
        connection = find_connection(None, sonar)
        here = chain_ref(connection.chain)
        events = connection.chain.events(connection.start_block, connection.chain.newest_block() + 1)
    others = Counter(entry.chain for entry in entries if entry.chain is not None and entry.chain != here)
    for chain, count in others.items():
        click.echo(f"Not verified here: {counted(count, 'line')} of {chain}.", err=True)
    own = [entry.warrant for entry in entries if entry.chain in (None, here)]
    discrepancies = list(audit(own, events, address))
    for discrepancy in discrepancies:
        click.echo(str(discrepancy), err=True)
    if discrepancies:
        raise AuditError(discrepancies)
    return others


def _facts(entry: Entry) -> dict[str, Any]:
    warrant, chain = entry.warrant, entry.chain
    facts = {
        "granted": datetime.fromtimestamp(entry.granted_at, UTC).isoformat(),
        "campaign": "0x" + warrant.campaign.hex(),
        "kind": warrant.kind.value,
        "number": warrant.number,
        "root": "0x" + warrant.root.hex(),
        "transaction": "0x" + warrant.transaction.hex(),
    }
    if chain is not None:
        facts |= {"chain_id": chain.chain_id, "genesis": "0x" + chain.genesis.hex(), "contract": chain.contract}
    return facts
