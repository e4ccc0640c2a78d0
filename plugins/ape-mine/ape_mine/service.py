"""A Mine put together from the project's settings and an account: what `ape mine run` and `scripts/mine.py` start."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event as Flag
from typing import Any

from ape.api import AccountAPI
from eth_utils.address import to_checksum_address

from ape_mine.home import Home
from ape_mine.loop import Action, Mine
from ape_mine.workshop import MOST_FEATURES
from ape_sonar.chain import SonarChain
from ape_sonar.config import settings
from ape_sonar.deployments import DeploymentUnknownError, find_deployment
from ape_sonar.store import open_store
from ape_sonar.units import Currency


@dataclass(frozen=True, slots=True)
class Site:
    """Sonar as this machine's settings know it, on the network that Ape is connected to.

    Attributes:
        chain: as the account, or to look only.
        start_block: of the contracts' deployment.
        confirmations: blocks on top of an event before it counts.
        tokens: the ERC-20s named in the settings.
    """

    chain: SonarChain
    start_block: int
    confirmations: int
    tokens: tuple[Currency, ...]


def default_home() -> Path:
    """Where a Mine lives unless it is told otherwise."""
    return settings().home_folder / "mine"


def find_site(account: AccountAPI | None, sonar: str | None = None) -> Site:
    """Looks Sonar up.

    Args:
        account: who signs.
        sonar: address of the contract; else the one that was deployed from this home.

    Raises:
        DeploymentUnknownError: no contract is named, and none was recorded for the chain.
        ChainError: there is no such contract, or the node does not answer.
    """
    from ape.utils.basemodel import ManagerAccessMixin

    provider = ManagerAccessMixin.provider
    address, start_block = _contract(provider.chain_id, sonar)
    chain = SonarChain(address, account, provider)
    confirmations = settings().confirmations
    if confirmations is None:
        confirmations = provider.network.required_confirmations
    named = settings().tokens.get(chain.chain_id, {}).items()
    tokens = (Currency(to_checksum_address(token), name, chain.token_decimals(token)) for name, token in named)
    return Site(chain, start_block, confirmations, tuple(tokens))


@contextmanager
def open_mine(
    account: AccountAPI,
    home: Path,
    *,
    sonar: str | None = None,
    pay_to: str | None = None,
    most_features: int = MOST_FEATURES,
) -> Iterator[Mine]:
    """The Mine in a home, ready to step, and no other process's while it is open.

    Raises:
        HomeMissingError, HomeMismatchError, HomeBusyError: the home cannot be used.
        DeploymentUnknownError, ChainError, StoreError: chain or store cannot be used.
    """
    place, site = Home(home), find_site(account, sonar)
    with place.lock():
        mine = Mine(
            site.chain,
            open_store(settings().store_uri),
            place,
            confirmations=site.confirmations,
            start_block=site.start_block,
            tokens=site.tokens,
            pay_to=pay_to,
            most_features=most_features,
        )
        try:
            yield mine
        finally:
            mine.close()


def serve(mine: Mine, report: Callable[[Action], None], *, poll_interval: float | None = None) -> None:
    """Runs a Mine until the process is asked to end (SIGINT, SIGTERM); what is under way is finished first."""
    stop = Flag()

    def ask(*_: Any) -> None:
        stop.set()

    former = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        mine.run(poll_interval=poll_interval or settings().poll_interval, stop=stop, report=report)
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _contract(chain_id: int, sonar: str | None) -> tuple[str, int]:
    """Address and block of the contract; block 0 where only the address is known."""
    try:
        deployment = find_deployment(settings().home_folder, chain_id)
    except DeploymentUnknownError:
        if sonar is None:
            raise
        return sonar, 0
    known = sonar is None or sonar.lower() == deployment.sonar.lower()
    return (deployment.sonar, deployment.block) if known else (str(sonar), 0)
