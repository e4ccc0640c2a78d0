"""A Mine put together from the project's settings and an account: what `ape mine run` and `scripts/mine.py` start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ape.api import AccountAPI

from ape_mine.engine import open_engine
from ape_mine.home import Home
from ape_mine.loop import Mine
from ape_mine.workshop import MOST_FEATURES
from ape_sonar.config import settings
from ape_sonar.operations.observer import Observer
from ape_sonar.operations.stopping import until_asked_to_end
from ape_sonar.operations.watch import service_facts
from ape_sonar.operations.watched import WatchedStore
from ape_sonar.site import find_site, let_sign
from ape_sonar.store import open_store
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
    observer: Observer | None = None,
) -> Iterator[Mine]:
    """The Mine in a home, ready to step, and no other process's while it is open.

    Args:
        engine, scheduler: what it computes with (`ape_mine.engine.open_engine`).
        observer: who watches.

    Raises:
        UsageError: `sonar` or `pay_to` is no address, or the engine is none.
        EngineMissingError, EngineUnreachableError: the engine cannot be used.
        HomeMissingError, HomeMismatchError, HomeBusyError: the home cannot be used.
        DeploymentUnknownError, ChainError, StoreError: chain or store cannot be used.
    """
    watch = observer or Observer()
    place = Home(home)
    let_sign(account)
    site = find_site(account, sonar)
    with place.lock(), open_engine(engine, scheduler) as spread:
        mine = Mine(
            site.chain,
            WatchedStore(open_store(settings().store_uri), watch),
            place,
            confirmations=site.confirmations,
            start_block=site.start_block,
            tokens=site.tokens,
            pay_to=pay_to and parse_address(pay_to),
            most_features=most_features,
            spread=spread,
            observer=watch,
        )
        watch.started(service_facts("ape-mine", site.chain))
        try:
            yield mine
        finally:
            mine.close()


def serve(mine: Mine, observer: Observer, *, poll_interval: float | None = None) -> None:
    """Runs a Mine until the process is asked to end (SIGINT, SIGTERM); what is under way is finished first."""
    with until_asked_to_end(settings().stop_within) as stop:
        mine.run(poll_interval=poll_interval or settings().poll_interval, stop=stop, report=observer.acted)
