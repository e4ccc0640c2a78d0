"""`ape mine status`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click
from ape.cli import ConnectedProviderCommand

from ape_mine.commands.options import echo_wrapped, home_option
from ape_mine.home.home import Home
from ape_mine.planning.status_views import (
    CampaignView,
    DatasetView,
    PrivacyView,
    own_transactions,
    view_campaigns,
    view_datasets,
    view_money,
)
from ape_mine.service import default_home
from sonar_core.app.connection import find_connection
from sonar_core.chain.event_log import EventLog
from sonar_core.cli.console import json_option
from sonar_core.cli.errors import cli_errors
from sonar_core.protocol.units import counted


@click.command(cls=ConnectedProviderCommand)
@home_option
@json_option
@cli_errors()
def status(home: Path | None, as_json: bool) -> None:
    """Show datasets, Campaigns and money."""
    opened = Home(home or default_home())
    # Events are read into a copy of the journal: a running Mine writes to the journal itself.
    with opened.state_copy().opened() as state, opened.state().opened() as journal:
        owner = state.owner()
        connection = find_connection(None, owner.sonar)
        chain, tokens = connection.chain, connection.tokens
        event_log = EventLog(
            chain, state.journal, confirmations=connection.confirmations, start_block=connection.start_block
        )
        event_log.catch_up()
        ledger = event_log.unconfirmed_ledger()
        campaigns = view_campaigns(ledger, state, owner.miner, chain.timestamp(), tokens)
        gas = journal.gas_paid(own_transactions(event_log.events(), owner.miner), chain.gas_paid)
        money = view_money(ledger, owner.miner, gas, tokens)
        policy, error = opened.policy_or_error(tokens)
        datasets = view_datasets(opened.datasets, policy, state.releases)
    if as_json:
        parts = {
            "policy_error": error,
            "datasets": [asdict(one) for one in datasets],
            "campaigns": [asdict(one) for one in campaigns],
            "money": [asdict(one) for one in money],
        }
        click.echo(json.dumps({"miner": owner.miner, "sonar": owner.sonar, **parts}))
        return
    click.echo(f"Mine of {owner.miner}")
    click.echo(f"Home {opened.folder}")
    if error:
        echo_wrapped(f"Nothing leaves: {error}")
    click.echo("\nDatasets" if datasets else "\nNo dataset.")
    for dataset in datasets:
        _echo_dataset(dataset)
    click.echo("\nCampaigns" if campaigns else "\nNo Campaign.")
    for campaign in campaigns:
        _echo_campaign(campaign)
    click.echo("\nMoney")
    for one in money:
        echo_wrapped(one.words, indent=2)


def _echo_dataset(dataset: DatasetView) -> None:
    facts = f"{counted(dataset.rows, 'row')}, {counted(dataset.rules, 'rule')}; {_privacy_words(dataset.privacy)}"
    echo_wrapped(f"{dataset.name}: {facts}", indent=2)
    echo_wrapped(f"columns {', '.join(dataset.columns)}", indent=4)


def _privacy_words(privacy: PrivacyView | None) -> str:
    if privacy is None:
        return "exact statistics"
    budget = f"{privacy.epsilon:g} at delta {privacy.delta:g}"
    if privacy.spent is None:
        return f"epsilon {budget} cannot be kept: exact statistics were used"
    spent = f"epsilon {privacy.spent:.3g} of {budget} spent, {privacy.left:.3g} left"
    return f"{spent}; {counted(privacy.releases, 'release')}"


def _echo_campaign(campaign: CampaignView) -> None:
    click.echo(f"  {campaign.campaign}")
    verdict = f"; {campaign.verdict}: {campaign.reason}" if campaign.verdict else ""
    echo_wrapped(f"{campaign.status}{verdict}", indent=4)
    if campaign.gradients:
        money = f"earned {campaign.earned_words}, claimed {campaign.claimed_words}"
        improved = f"{campaign.improved} improved the Model"
        echo_wrapped(f"{counted(campaign.gradients, 'Gradient')}, {improved}; {money}", indent=4)
