"""A Mine put together from the project's settings and an account: what `ape mine run` and `scripts/mine.py` start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ape.api import AccountAPI

from ape_mine.engine import open_engine
from ape_mine.home import Home
from ape_mine.loop import Mine
from ape_mine.workshop import MOST_FEATURES
from ape_sonar.action import Action
from ape_sonar.config import configured_store, settings
from ape_sonar.site import find_site, until_asked_to_end
from ape_sonar.units import parse_address


def default_home() -> Path:
    """Where a Mine lives unless it is told otherwise."""
    return settings().home_folder / "mine"


@contextmanager
def open_mine(
    account: AccountAPI,
    home: Path,
    *,
    sonar: str | None = None,
    pay_to: str | None = None,
    most_features: int = MOST_FEATURES,
    engine: str = "threads",
    scheduler: str | None = None,
) -> Iterator[Mine]:
    """The Mine in a home, ready to step, and no other process's while it is open.

    Args:
        engine, scheduler: what it computes with (`ape_mine.engine.open_engine`).

    Raises:
        UsageError: `sonar` or `pay_to` is no address, or the engine is none.
        EngineMissingError, EngineUnreachableError: the engine cannot be used.
        HomeMissingError, HomeMismatchError, HomeBusyError: the home cannot be used.
        DeploymentUnknownError, ChainError, StoreError: chain or store cannot be used.
    """
    place, site = Home(home), find_site(account, sonar)
    with place.lock(), open_engine(engine, scheduler) as spread:
        mine = Mine(
            site.chain,
            configured_store(),
            place,
            confirmations=site.confirmations,
            start_block=site.start_block,
            tokens=site.tokens,
            pay_to=pay_to and parse_address(pay_to),
            most_features=most_features,
            spread=spread,
        )
        try:
            yield mine
        finally:
            mine.close()


def serve(mine: Mine, report: Callable[[Action], None], *, poll_interval: float | None = None) -> None:
    """Runs a Mine until the process is asked to end (SIGINT, SIGTERM); what is under way is finished first."""
    with until_asked_to_end() as stop:
        mine.run(poll_interval=poll_interval or settings().poll_interval, stop=stop, report=report)
