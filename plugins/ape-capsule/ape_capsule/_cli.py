"""`ape capsule ...`: the key oracle on the command line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from ape.cli import ConnectedProviderCommand, account_option
from rich.table import Table

from ape_capsule.commands.backup import backup, destroy, restore
from ape_capsule.commands.doctor import doctor
from ape_capsule.commands.keys import certificates, forget, keys, rotate
from ape_capsule.commands.options import home_option, passphrase_option, sonar_option
from ape_capsule.commands.rebuild import rebuild_command
from ape_capsule.commands.tidy import tidy
from ape_capsule.commands.warrant_log import log
from ape_capsule.home.state import CapsuleJournal
from ape_capsule.keys.openpgp_identity import Identity, require_identity
from ape_capsule.service import PASSPHRASE, STATE_FILE, announce, default_home, open_oracle, serve
from sonar_core.app.connection import find_connection
from sonar_core.app.settings import configured_store
from sonar_core.chain.event_log import EventLog
from sonar_core.cli.console import json_option, open_console
from sonar_core.cli.errors import cli_errors
from sonar_core.cli.passphrases import passphrase_options
from sonar_core.protocol.ledger import CampaignState
from sonar_core.protocol.structs import CapsuleTerms, CurrencyOffer, CurrencyTerms
from sonar_core.protocol.units import ZERO_ADDRESS, from_wad, parse_duration, parse_money
from sonar_core.service.action import reporter
from sonar_core.service.observer_setup import ObserverOptions, open_watch, watch_options


@click.group()
def cli() -> None:
    """The Capsule: makes a Campaign's keys, scores Gradients on hidden rows, delivers the trained Model."""


for command in (backup, certificates, destroy, doctor, forget, keys, log, rebuild_command, restore, rotate, tidy):
    cli.add_command(command)


@cli.command()
@home_option
@click.option("--user-id", default="Capsule <capsule@localhost>", show_default=True, help="Of the OpenPGP certificate.")
@passphrase_options(PASSPHRASE, "the Capsule's vaults", confirm=True)
@cli_errors()
def init(home: Path | None, user_id: str, passphrase: str) -> None:
    """Make the Capsule's OpenPGP identity."""
    place = home or default_home()
    identity = Identity.create(place, user_id, passphrase)
    click.echo(f"Identity {identity.certificate.fingerprint} rests in {place}.")


@cli.command(name="announce", cls=ConnectedProviderCommand)
@account_option()
@home_option
@sonar_option
@passphrase_option
@click.option(
    "--currency",
    "currencies",
    multiple=True,
    help="A token that is taken too, by name or address; may be repeated.",
)
@click.option("--smallest-fee", default="0 wei", show_default=True, help="Smallest fee in the coin.")
@click.option("--scoring-fee", default="0.00001 ether", show_default=True, help="Smallest fee of one score.")
@click.option("--open-within", default="10 minutes", show_default=True, help="Least time to open a Campaign.")
@click.option("--scoring-window", default="30 minutes", show_default=True, help="Least time for a score.")
@click.option("--per-gradient", default="1 minute", show_default=True, help="Least time more for each in the queue.")
@click.option("--delivery-window", default="1 hour", show_default=True, help="Least time to deliver.")
@click.option(
    "--largest-model", type=click.IntRange(min=1), default=10_000, show_default=True, help="Most ciphertexts of one."
)
@cli_errors()
def announce_command(
    account: Any,
    home: Path | None,
    sonar: str | None,
    passphrase: str,
    currencies: tuple[str, ...],
    smallest_fee: str,
    scoring_fee: str,
    open_within: str,
    scoring_window: str,
    per_gradient: str,
    delivery_window: str,
    largest_model: int,
) -> None:
    """Announce the certificates and the terms on chain."""
    site = find_connection(account, sonar)
    terms = CapsuleTerms(
        scoring_fee=parse_money(scoring_fee)[0],
        open_within=parse_duration(open_within),
        scoring_window=parse_duration(scoring_window),
        per_gradient=parse_duration(per_gradient),
        delivery_window=parse_duration(delivery_window),
        largest_model=largest_model,
    )
    largest = 2**128 - 1
    offers = [CurrencyOffer(ZERO_ADDRESS, CurrencyTerms(True, parse_money(smallest_fee)[0], largest))]
    offers += [CurrencyOffer(_token(name, site.tokens), CurrencyTerms(True, 0, largest)) for name in currencies]
    identity = Identity.load(home or default_home(), passphrase)
    receipt = announce(site.chain, configured_store(), identity, terms, offers)
    click.echo(f"Announced as {site.chain.sender} in block {receipt.block}.")


@cli.command(cls=ConnectedProviderCommand)
@account_option()
@home_option
@sonar_option
@passphrase_option
@click.option("--poll", type=click.FloatRange(min=0.05), help="Seconds between two looks at the chain.")
@click.option("--workers", type=click.IntRange(0, 256), help="Processes that score; 0: none. Default: one a core.")
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
    place = home or default_home()
    with (
        open_watch(watching, "capsule", place, reporter(as_json)) as observer,
        # A single step waits for no other process.
        open_oracle(account, place, passphrase, observer, sonar=sonar, workers=0 if once else workers) as oracle,
    ):
        if not once:
            serve(oracle, observer, poll_interval=poll)
            return
        for action in oracle.step():
            observer.acted(action)


@cli.command(cls=ConnectedProviderCommand)
@account_option()
@home_option
@sonar_option
@json_option
@cli_errors()
def status(account: Any, home: Path | None, sonar: str | None, as_json: bool) -> None:
    """Show the Campaigns of this Capsule."""
    place, site = home or default_home(), find_connection(account, sonar)
    require_identity(place)
    state = CapsuleJournal(place / STATE_FILE)
    event_log = EventLog(site.chain, state.journal, confirmations=site.confirmations, start_block=site.start_block)
    now, ahead = site.chain.timestamp(), event_log.unconfirmed_ledger()
    own = ahead.campaigns_of_capsule(site.chain.sender)
    if as_json:
        click.echo(json.dumps([_facts(campaign, now, state) for campaign in own]))
        return
    table = Table("Campaign", "Status", "Accuracy", "Target", "Scored", "Waiting", "Refused", "Due")
    for campaign in own:
        facts = _facts(campaign, now, state)
        due = datetime.fromtimestamp(facts["due"], UTC).isoformat() if facts["due"] else ""
        names = ("status", "accuracy", "target", "scored", "waiting")
        table.add_row(facts["campaign"][:12], *(str(facts[name]) for name in names), str(len(facts["refused"])), due)
    open_console().print(table)


def _token(name: str, tokens: tuple[Any, ...]) -> str:
    return name if name.startswith("0x") else parse_money(f"0 {name}", tokens)[1]


def _facts(campaign: CampaignState, now: int, state: CapsuleJournal) -> dict[str, Any]:
    refusals = state.refusals(campaign.id)
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
