"""`ape capsule status`: the Campaigns of this Capsule."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from ape.cli import ConnectedProviderCommand, account_option

from ape_capsule.commands.options import home_option, sonar_option
from ape_capsule.home.paths import STATE_FILE, default_home
from ape_capsule.home.state import CapsuleJournal
from ape_capsule.keys.openpgp_identity import require_identity
from sonar_core.app.connection import find_connection
from sonar_core.cli.console import json_option, print_table
from sonar_core.cli.errors import cli_errors
from sonar_core.protocol.ledger import CampaignState
from sonar_core.protocol.units import COIN, Currency, Money, from_wad, money_of


@click.command(cls=ConnectedProviderCommand)
@account_option()
@home_option
@sonar_option
@json_option
@cli_errors()
def status(account: Any, home: Path | None, sonar: str | None, as_json: bool) -> None:
    """Show the Campaigns of this Capsule."""
    folder, connection = home or default_home(), find_connection(account, sonar)
    require_identity(folder)
    with closing(CapsuleJournal(folder / STATE_FILE)) as journal:
        now, ledger = connection.chain.timestamp(), connection.event_log(journal.database).unconfirmed_ledger()
        own = ledger.campaigns_of_capsule(connection.chain.sender)
        campaigns = [_facts(one, now, journal.refusals(one.id)) for one in own]
    if as_json:
        click.echo(json.dumps(campaigns))
    elif not campaigns:
        click.echo(f"No Campaign names the Capsule {connection.chain.sender} yet.")
    else:
        rows = [_row(one, facts, connection.tokens) for one, facts in zip(own, campaigns, strict=True)]
        print_table(("Campaign", "Status", "Accuracy", "Gradients", "Bond and fee", "Scoring fees", "Due"), rows)


def _facts(campaign: CampaignState, now: int, refusals: dict[int, str]) -> dict[str, Any]:
    return {
        "campaign": "0x" + campaign.id.hex(),
        "status": campaign.status(now).name.capitalize(),
        "accuracy": f"{from_wad(campaign.accuracy):.4f}",
        "target": f"{from_wad(campaign.terms.target_accuracy):.4f}",
        "scored": campaign.scored,
        "waiting": campaign.submitted - campaign.scored,
        "refused": {str(number): reason for number, reason in refusals.items()},
        "due": campaign.due_at(),
    }


def _row(campaign: CampaignState, facts: dict[str, Any], tokens: tuple[Currency, ...]) -> tuple[str, ...]:
    """A Campaign for people: money in its currency, times in UTC."""
    terms = campaign.terms
    gradients = f"{facts['scored']} scored ({len(facts['refused'])} rejected), {facts['waiting']} waiting"
    bond, fee = (money_of(units, terms.currency, tokens) for units in (terms.capsule_bond, terms.capsule_fee))
    fees = str(Money(terms.scoring_fee * campaign.scored, COIN))
    due = f"{datetime.fromtimestamp(facts['due'], UTC):%Y-%m-%d %H:%M UTC}" if facts["due"] else ""
    accuracy = f"{facts['accuracy']} of {facts['target']}"
    return facts["campaign"], facts["status"], accuracy, gradients, f"{bond}, {fee}", fees, due
