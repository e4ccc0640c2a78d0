"""What `ape capsule tidy` and `ape mine tidy` share: they say what would go, and with --yes let go of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click
from rich.table import Table

from sonar_core.app.settings import settings
from sonar_core.base.errors import UsageError
from sonar_core.chain.contracts import SonarContracts
from sonar_core.chain.event_log import EventLog
from sonar_core.cli.console import open_console
from sonar_core.protocol.units import parse_duration
from sonar_core.service.blob_retention import Leftover, Tidier

#: Seconds that a Data Scientist has for fetching what was delivered, where neither setting nor option says otherwise.
_MONTH = 30 * 86_400

after_option = click.option(
    "--after",
    help='How long a Campaign must have been over, such as "30 days". Default: the setting tidy_after, or 30 days.',
)
yes_option = click.option("--yes", is_flag=True, help="Let go of them. Without it they are only shown.")


def tidy(
    tidier: Tidier, event_log: EventLog, chain: SonarContracts, after: str | None, *, yes: bool, as_json: bool
) -> None:
    """Shows what a party still keeps of Campaigns that are over, and lets go of it if told to.

    Raises:
        UsageError: `after` is no duration, or the store lets go of nothing.
        ChainError, StoreError, JournalError: what may go cannot be found out, or is not gone yet.
    """
    if tidier.keeps_all:
        raise UsageError("an embedded store belongs to all its parties and keeps every blob: there is nothing to tidy")
    event_log.catch_up()
    leftovers = tidier.leftovers(
        event_log.confirmed_ledger, event_log.unconfirmed_ledger(), chain.timestamp(), _seconds(after)
    )
    facts = [_facts(one, tidier.size(one)) for one in leftovers]
    if yes:
        tidier.release(leftovers)
    if as_json:
        click.echo(json.dumps({"released": yes, "campaigns": facts}))
    else:
        _show(facts, yes=yes)


def _seconds(after: str | None) -> int:
    if after is not None:
        return parse_duration(after)
    setting = settings().tidy_after
    return _MONTH if setting is None else int(setting)


def _facts(leftover: Leftover, size: int) -> dict[str, Any]:
    return {
        "campaign": "0x" + leftover.campaign.hex(),
        "blobs": len(leftover.blobs),
        "bytes": size,
        "needed": len(leftover.needed),
        "needed_by": sorted({"0x" + campaign.hex() for campaign in leftover.needed.values()}),
    }


def _show(facts: Sequence[dict[str, Any]], *, yes: bool) -> None:
    table = Table("Campaign", "Blobs", "Bytes", "Stay for other Campaigns")
    for one in facts:
        stay = f"{one['needed']}, for {', '.join(name[:12] for name in one['needed_by'])}" if one["needed"] else ""
        table.add_row(one["campaign"][:12], str(one["blobs"]), f"{one['bytes']:,}", stay)
    if facts:
        open_console().print(table)
    blobs, size = (sum(one[name] for one in facts) for name in ("blobs", "bytes"))
    words = f"{blobs} blobs of {len(facts)} Campaigns that are over, {size:,} bytes on nodes and in the cache"
    click.echo(f"{words}: gone." if yes else f"{words}. --yes lets go of them.")
