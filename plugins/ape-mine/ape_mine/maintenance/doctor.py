"""Health checks of `ape mine doctor`: home, rows, policy, privacy budgets, account, store, chain."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from ape.api import ProviderAPI

from ape_mine.errors import REMEDY, DatasetError
from ape_mine.home.home import STATE_FILE, Home
from ape_mine.planning.dataset_selection import today
from ape_mine.planning.status_views import view_datasets
from ape_mine.policy.document import Policy
from ape_mine.policy.idle_rules import idle_parts
from sonar_core.app.connection import Connection, find_connection
from sonar_core.app.settings import settings
from sonar_core.protocol.units import COIN, Currency, counted
from sonar_core.service.doctor import (
    Check,
    Finding,
    Grade,
    check_account,
    check_contracts,
    check_disk,
    check_funds,
    check_journal,
    check_node,
    check_permissions,
    check_store,
    check_tokens,
    unreachable_node,
)

#: Number of scoring fees that the account should be able to pay.
_GRADIENTS = 3
#: Share of a privacy budget below which the rest is reported as low.
_LITTLE_LEFT = 0.1


def mine_checks(
    provider: ProviderAPI | None, folder: Path, *, sonar: str | None, write: bool, account: str | None = None
) -> Iterator[tuple[str, Check]]:
    """All checks of a Mine with their names, the most basic first.

    Args:
        provider: of the network; None if no node answers, in which case checks that need a chain are left out.
        folder: the Mine's home.
        account: address that should own the home, or None.
        sonar: address of the contract; default: the one that the Mine was created for.
        write: whether to try the store with a tiny blob.
    """
    yield "home", lambda: check_permissions(Home(folder).folder)
    yield "disk", lambda: check_disk(folder)
    yield "state", lambda: check_journal(Home(folder).folder / STATE_FILE, REMEDY)
    yield "store", lambda: check_store(settings().store_uri, write=write)
    yield "account", lambda: _check_owner(folder, account)

    @cache
    def connection() -> Connection:
        return find_connection(None, sonar or _owner(folder)[1])

    if provider is None:
        yield "node", unreachable_node
        return
    yield "node", lambda: check_node(provider)
    yield "contracts", lambda: check_contracts(provider, connection().chain)
    yield "tokens", lambda: check_tokens(connection())
    yield "policy", lambda: check_policy(Home(folder), connection().tokens)
    yield "funds", lambda: _check_funds(folder, connection())


def check_policy(home: Home, tokens: tuple[Currency, ...]) -> Iterator[Finding]:
    """Whether the policy is valid and can act, its datasets exist, and their privacy budgets are not exhausted."""
    policy = home.policy(tokens)
    if not policy.allow:
        yield Finding("policy", Grade.WARN, "it allows nothing", "put one in force with `ape mine policy FILE`")
    else:
        yield Finding(
            "policy", Grade.OK, f"{counted(len(policy.allow), 'rule')} for {counted(len(policy.datasets), 'dataset')}"
        )
    for name in policy.datasets:
        try:
            yield from _check_dataset(home, policy, name)
        except DatasetError as error:
            yield Finding("dataset", Grade.FAIL, str(error))
    for message in idle_parts(policy, home.schemas(policy), today()):
        yield Finding("policy", Grade.WARN, message, "correct the policy and put it in force again")


def _check_dataset(home: Home, policy: Policy, name: str) -> Iterator[Finding]:
    dataset = home.datasets.get(name)
    with home.state().opened() as state:
        (view,) = view_datasets([dataset], policy, state.releases)
    yield Finding("dataset", Grade.OK, f"{name}: {counted(view.rows, 'row')}")
    privacy = view.privacy
    if privacy is None:
        return
    if privacy.spent is None:
        words = f"{name}: its exact statistics were used before, so that no privacy budget can hold, and nothing leaves"
        remedy = "put new rows into another dataset, or remove its privacy from the policy"
        yield Finding("privacy", Grade.FAIL, words, remedy)
        return
    words = f"{name}: epsilon {privacy.left:.3g} of {privacy.epsilon:g} is left"
    if privacy.left < _LITTLE_LEFT * privacy.epsilon:
        yield Finding("privacy", Grade.WARN, words, "raise it, or Campaigns with new questions are denied")
    else:
        yield Finding("privacy", Grade.OK, words)


def _check_owner(folder: Path, account: str | None) -> Iterator[Finding]:
    owner = _owner(folder)[0]
    if account is not None and account != owner:
        remedy = "use that account, or another home"
        yield Finding("account", Grade.FAIL, f"the home belongs to {owner}, not {account}", remedy)
        return
    yield from check_account(owner)


def _check_funds(folder: Path, connection: Connection) -> Iterator[Finding]:
    rules = Home(folder).policy(connection.tokens).allow
    fees = [rule.scoring_fee.units for rule in rules if rule.scoring_fee.currency == COIN]
    dearest = _GRADIENTS * max(fees, default=0)
    return check_funds(
        connection.chain, _owner(folder)[0], dearest, f"{_GRADIENTS} scoring fees as high as the policy takes"
    )


def _owner(folder: Path) -> tuple[str, str]:
    """Addresses of the Miner and of the Sonar contract."""
    with Home(folder).state().opened() as state:
        owner = state.owner()
    return owner.miner, owner.sonar
