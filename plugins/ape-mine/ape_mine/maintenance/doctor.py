"""What `ape mine doctor` looks at: the Mine's home, rows, policy and budgets, and where it stands on chain."""

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
from sonar_core.app.connection import Connection, find_connection
from sonar_core.app.settings import settings
from sonar_core.protocol.units import COIN, Currency
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

#: Scoring fees that an account should have funds for.
_GRADIENTS = 3
#: The part of a privacy budget below which what is left is worth a word.
_LITTLE_LEFT = 0.1


def mine_checks(
    provider: ProviderAPI | None, folder: Path, *, sonar: str | None, write: bool
) -> Iterator[tuple[str, Check]]:
    """All checks of a Mine, by name, in the order in which they are worth reading.

    Args:
        provider: of the network; None where no node answers.
        folder: the Mine's home.
        sonar: address of the contract; else the one that the Mine was made for.
        write: whether the store may be written to.
    """
    yield "home", lambda: check_permissions(Home(folder).folder)
    yield "disk", lambda: check_disk(folder)
    yield "state", lambda: check_journal(Home(folder).folder / STATE_FILE, REMEDY)
    yield "store", lambda: check_store(settings().store_uri, write=write)
    yield "account", lambda: check_account(_owner(folder)[0])

    @cache
    def site() -> Connection:
        return find_connection(None, sonar or _owner(folder)[1])

    if provider is None:
        yield "node", unreachable_node
        return
    yield "node", lambda: check_node(provider)
    yield "contracts", lambda: check_contracts(provider, site().chain)
    yield "tokens", lambda: check_tokens(site())
    yield "policy", lambda: check_policy(Home(folder), site().tokens)
    yield "funds", lambda: _check_funds(folder, site())


def check_policy(home: Home, tokens: tuple[Currency, ...]) -> Iterator[Finding]:
    """Whether the policy can be followed, its datasets are there, and their budgets are not used up."""
    policy = home.policy(tokens)
    if not policy.allow:
        yield Finding("policy", Grade.WARN, "it allows nothing", "put one in force with `ape mine policy FILE`")
    else:
        yield Finding("policy", Grade.OK, f"{len(policy.allow)} rules for {len(policy.datasets)} datasets")
    for name in policy.datasets:
        try:
            yield from _check_dataset(home, policy, name)
        except DatasetError as error:
            yield Finding("dataset", Grade.FAIL, str(error))


def _check_dataset(home: Home, policy: Policy, name: str) -> Iterator[Finding]:
    dataset = home.datasets.get(name)
    with home.state().opened() as state:
        (view,) = view_datasets([dataset], policy, state.releases)
    yield Finding("dataset", Grade.OK, f"{name}: {view.rows} rows")
    yield from _check_consent(policy, name)
    privacy = view.privacy
    if privacy is None:
        return
    if privacy.spent is None:
        words = f"{name}: exact statistics were used before, so no epsilon can be kept, and nothing leaves"
        remedy = "give rows that were not in it a dataset of their own, or take its privacy out of the policy"
        yield Finding("privacy", Grade.FAIL, words, remedy)
        return
    words = f"{name}: epsilon {privacy.left:.3g} of {privacy.epsilon:g} is left"
    if privacy.left < _LITTLE_LEFT * privacy.epsilon:
        yield Finding("privacy", Grade.WARN, words, "Campaigns of a new kind are declined unless the budget is raised")
    else:
        yield Finding("privacy", Grade.OK, words)


def _check_consent(policy: Policy, name: str) -> Iterator[Finding]:
    """Warns where the policy records no consent for a dataset, or one that is over."""
    consent = policy.consent(name)
    why = "no consent is on record" if consent is None else consent.objection((), today())
    if why:
        yield Finding(
            "consent", Grade.WARN, f"{name}: {why}", "nothing is trained on it until the policy says otherwise"
        )


def _check_funds(folder: Path, site: Connection) -> Iterator[Finding]:
    rules = Home(folder).policy(site.tokens).allow
    fees = [rule.scoring_fee.units for rule in rules if rule.scoring_fee.currency == COIN]
    dearest = _GRADIENTS * max(fees, default=0)
    return check_funds(site.chain, _owner(folder)[0], dearest, f"{_GRADIENTS} scoring fees as high as the policy takes")


def _owner(folder: Path) -> tuple[str, str]:
    """Addresses of the Miner and of Sonar."""
    with Home(folder).state().opened() as state:
        owner = state.owner()
    return owner.miner, owner.sonar
