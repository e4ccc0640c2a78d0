"""`ape capsule ...`: the key oracle on the command line."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from ape.cli import ConnectedProviderCommand, account_option
from rich.table import Table

from ape_sonar.action import reporter
from ape_sonar.chronicle import Chronicle
from ape_sonar.config import configured_store
from ape_sonar.errors import UsageError, cli_errors
from ape_sonar.ledger import CampaignState
from ape_sonar.screen import open_console
from ape_sonar.site import find_site
from ape_sonar.terms import CapsuleTerms, CurrencyOffer, CurrencyTerms, Status
from ape_sonar.units import ZERO_ADDRESS, from_wad, parse_duration, parse_money

from .errors import KeyInUseError
from .identity import Identity, require_identity
from .keystore import destroy_key
from .service import KEYS_FOLDER, STATE_FILE, WARRANT_FILE, announce, default_home, lock, open_oracle, serve
from .state import State
from .warrants import Entry, read

_CAMPAIGN = re.compile(r"0x[0-9a-fA-F]{64}")
_SETTLED = (Status.DECLINED, Status.CANCELLED, Status.DELIVERED, Status.EXPIRED, Status.CONVICTED)
_PASSPHRASE = "SONAR_CAPSULE_PASSPHRASE"  # noqa: S105 - the name of a variable, not a passphrase

_home_option = click.option(
    "--home", type=click.Path(path_type=Path), envvar="SONAR_CAPSULE_HOME", help="The Capsule's folder."
)
_sonar_option = click.option("--sonar", help="Address of the Sonar contract. Default: the one deployed from here.")
_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
_passphrase_option = click.password_option(
    "--passphrase", envvar=_PASSPHRASE, confirmation_prompt=False, help=f"Of the vaults; or set {_PASSPHRASE}."
)


@click.group()
def cli() -> None:
    """The Capsule: makes a Campaign's keys, scores Gradients on hidden rows, delivers the trained Model."""


@cli.command()
@_home_option
@click.option("--user-id", default="Capsule <capsule@localhost>", show_default=True, help="Of the OpenPGP certificate.")
@click.password_option("--passphrase", envvar=_PASSPHRASE, help=f"Of the vaults; or set {_PASSPHRASE}.")
@cli_errors()
def init(home: Path | None, user_id: str, passphrase: str) -> None:
    """Make the Capsule's OpenPGP identity."""
    place = home or default_home()
    identity = Identity.create(place, user_id, passphrase)
    click.echo(f"Identity {identity.certificate.fingerprint} rests in {place}.")


@cli.command(name="announce", cls=ConnectedProviderCommand)
@account_option()
@_home_option
@_sonar_option
@_passphrase_option
@click.option(
    "--currency",
    "currencies",
    multiple=True,
    help="A token that is taken too; may be repeated.",
)
@click.option("--smallest-fee", default="0 wei", show_default=True, help="Smallest fee in the coin.")
@click.option("--scoring-fee", default="0.00001 ether", show_default=True, help="Smallest fee of one score.")
@click.option("--open-within", default="10 minutes", show_default=True)
@click.option("--scoring-window", default="30 minutes", show_default=True)
@click.option("--per-gradient", default="1 minute", show_default=True)
@click.option("--delivery-window", default="1 hour", show_default=True)
@click.option("--largest-model", type=click.IntRange(min=1), default=10_000, show_default=True, help="In ciphertexts.")
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
    """Publish the certificates, and announce them with the terms on chain."""
    site = find_site(account, sonar)
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
@_home_option
@_sonar_option
@_passphrase_option
@click.option("--poll", type=click.FloatRange(min=0.05), help="Seconds between two looks at the chain.")
@click.option("--once", is_flag=True, help="Do what can be done now, and end.")
@_json_option
@cli_errors()
def run(
    account: Any,
    home: Path | None,
    sonar: str | None,
    passphrase: str,
    poll: float | None,
    once: bool,
    as_json: bool,
) -> None:
    """Serve the Campaigns that name this Capsule."""
    report = reporter(as_json)
    with open_oracle(account, home or default_home(), passphrase, sonar=sonar) as oracle:
        if not once:
            serve(oracle, report, poll_interval=poll)
            return
        for action in oracle.step():
            report(action)


@cli.command(cls=ConnectedProviderCommand)
@account_option()
@_home_option
@_sonar_option
@_json_option
@cli_errors()
def status(account: Any, home: Path | None, sonar: str | None, as_json: bool) -> None:
    """Show the Campaigns of this Capsule."""
    place, site = home or default_home(), find_site(account, sonar)
    require_identity(place)
    state = State(place / STATE_FILE)
    chronicle = Chronicle(site.chain, state.journal, confirmations=site.confirmations, start_block=site.start_block)
    now, ahead = site.chain.timestamp(), chronicle.ahead()
    own = [campaign for campaign in ahead.campaigns.values() if campaign.terms.capsule == site.chain.sender]
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


@cli.command(cls=ConnectedProviderCommand)
@click.argument("campaign")
@account_option()
@_home_option
@_sonar_option
@cli_errors()
def destroy(campaign: str, account: Any, home: Path | None, sonar: str | None) -> None:
    """Destroy the key pair of a CAMPAIGN that is settled. Nothing of it can be decrypted ever after."""
    if not _CAMPAIGN.fullmatch(campaign):
        raise UsageError(f"{campaign!r:.80} is no Campaign: write its id, 0x and 64 hex digits")
    identity, place = bytes.fromhex(campaign[2:]), home or default_home()
    status = find_site(account, sonar).chain.status_of(identity)
    if status not in _SETTLED:
        raise KeyInUseError(identity, status.name.capitalize())
    with lock(place):
        destroy_key(place / KEYS_FOLDER, identity)
    click.echo(f"The key pair of {campaign} is gone.")


@cli.command()
@_home_option
@_json_option
@cli_errors()
def log(home: Path | None, as_json: bool) -> None:
    """Show the warrant log: what was decrypted, and on which transaction's warrant. Its chain of digests is checked."""
    place = home or default_home()
    require_identity(place)
    entries = list(read(place / WARRANT_FILE))
    if as_json:
        click.echo(json.dumps([_warrant(entry) for entry in entries]))
        return
    table = Table("Granted", "Campaign", "What", "Warranted by")
    for entry in entries:
        facts = _warrant(entry)
        table.add_row(
            facts["granted"], facts["campaign"][:12], f"{facts['kind']} {facts['number']}", facts["transaction"][:12]
        )
    open_console().print(table)


def _token(name: str, tokens: tuple[Any, ...]) -> str:
    return name if name.startswith("0x") else parse_money(f"0 {name}", tokens)[1]


def _facts(campaign: CampaignState, now: int, state: State) -> dict[str, Any]:
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


def _warrant(entry: Entry) -> dict[str, Any]:
    warrant = entry.warrant
    return {
        "granted": datetime.fromtimestamp(entry.granted_at, UTC).isoformat(),
        "campaign": "0x" + warrant.campaign.hex(),
        "kind": warrant.kind.value,
        "number": warrant.number,
        "root": "0x" + warrant.root.hex(),
        "transaction": "0x" + warrant.transaction.hex(),
    }
