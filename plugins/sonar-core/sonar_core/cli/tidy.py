"""The command `tidy` of `ape capsule` and `ape mine`: shows blobs of ended Campaigns, and unpins them with --yes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

from sonar_core.app.settings import settings
from sonar_core.base.errors import UsageError
from sonar_core.chain.contracts import SonarContracts
from sonar_core.chain.event_log import EventLog
from sonar_core.cli.console import print_table
from sonar_core.protocol.units import counted, parse_duration
from sonar_core.service.blob_retention import Leftover, Tidier

#: Default of --after, in seconds: time for a Data Scientist to fetch what was delivered.
_MONTH = 30 * 86_400

after_option = click.option(
    "--after",
    help='How long a Campaign must have been over, such as "30 days". Default: the setting tidy_after, or 30 days.',
)
yes_option = click.option("--yes", is_flag=True, help="Unpin them. Without it they are only shown.")


def tidy(
    tidier: Tidier, event_log: EventLog, chain: SonarContracts, after: str | None, *, yes: bool, as_json: bool
) -> None:
    """Shows the blobs that a party still keeps of Campaigns that are over, and unpins them if `yes`.

    Raises:
        UsageError: `after` is no duration, or the store has no pins.
        ChainError, StoreError, JournalError: chain, store or journal cannot be used.
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
    rows = []
    for one in facts:
        stay = f"{one['needed']}, for {', '.join(one['needed_by'])}" if one["needed"] else ""
        rows.append((one["campaign"], str(one["blobs"]), f"{one['bytes']:,}", stay))
    if rows:
        print_table(("Campaign", "Blobs", "Bytes", "Kept for other Campaigns"), rows)
    blobs, size = (sum(one[name] for one in facts) for name in ("blobs", "bytes"))
    words = f"{counted(blobs, 'blob')} of {counted(len(facts), 'ended Campaign')}, {counted(size, 'byte')}"
    click.echo(f"{words}: unpinned." if yes else f"{words}. --yes unpins them.")
