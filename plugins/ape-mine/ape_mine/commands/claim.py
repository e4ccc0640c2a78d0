"""`ape mine claim`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from ape.cli import ConnectedProviderCommand, account_option

from ape_mine.commands.options import home_option, pay_to_option, sonar_option
from ape_mine.errors import raise_trouble
from ape_mine.home.home import Home
from ape_mine.policy.payouts import describe, due_payouts
from ape_mine.policy.profitability import CLAIM_GAS
from ape_mine.service import default_home, open_mine
from sonar_core.app.connection import Connection, find_connection
from sonar_core.chain.event_log import EventLog
from sonar_core.cli.confirmation import Confirmation, Preview, confirmation_options
from sonar_core.cli.console import json_option
from sonar_core.cli.errors import cli_errors
from sonar_core.protocol.units import currency_at, format_money, parse_address
from sonar_core.service.action import reporter


@click.command(cls=ConnectedProviderCommand)
@account_option()
@home_option
@sonar_option
@pay_to_option
@json_option
@confirmation_options
@cli_errors()
def claim(
    account: Any,
    home: Path | None,
    sonar: str | None,
    pay_to: str | None,
    as_json: bool,
    confirmation: Confirmation,
) -> None:
    """Take rewards, fees and compensation that are due."""
    folder, connection = home or default_home(), find_connection(account, sonar)
    payee = parse_address(pay_to) if pay_to else connection.chain.sender
    preview = _preview(Home(folder), connection, payee)
    if preview is None:
        if not as_json:
            click.echo("Nothing is due.")
        return
    if not confirmation.ask(preview):
        return
    with open_mine(account, folder, sonar=sonar, pay_to=payee) as mine:
        actions = mine.collect()
    report = reporter(as_json)
    for action in actions:
        report(action)
    raise_trouble((action.campaign, action.words) for action in actions if action.kind == "trouble")


def _preview(home: Home, connection: Connection, payee: str) -> Preview | None:
    """What is due now; None for nothing. Works on a copy of the journal. Raises ChainError, JournalError."""
    chain = connection.chain
    with home.state_copy().opened() as state:
        event_log = EventLog(
            chain, state.journal, confirmations=connection.confirmations, start_block=connection.start_block
        )
        event_log.catch_up()
        ledger, now = event_log.unconfirmed_ledger(), chain.timestamp()
    payouts = [
        (campaign, payout)
        for campaign in ledger.campaigns_of_miner(chain.sender)
        for payout in due_payouts(campaign, chain.sender, now)
    ]
    if not payouts:
        return None
    rows = []
    for campaign, payout in payouts:
        _, words = describe(payout, currency_at(campaign.terms.currency, connection.tokens))
        rows += [("Payout", words), ("of Campaign", f"0x{campaign.id.hex()}")]
    gas = format_money(len(payouts) * CLAIM_GAS * chain.gas_price())
    costs = [("Paid to", payee), ("Transactions", str(len(payouts))), ("Gas", f"from about {gas}")]
    return Preview("Take what is due", [*rows, *costs])
