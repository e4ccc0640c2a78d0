"""A Mine put together from the project's settings and an account: what `ape mine run` and `scripts/mine.py` start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ape.api import AccountAPI

from ape_mine.errors import HomeLockedError
from ape_mine.home.home import Home
from ape_mine.loop import Mine
from ape_mine.training.compute_backend import open_engine
from ape_mine.training.gradient_builder import MOST_FEATURES
from sonar_core.app.connection import find_connection
from sonar_core.app.settings import configured_cache, configured_store, settings
from sonar_core.cli.passphrases import find_passphrase
from sonar_core.cli.signing import unlock
from sonar_core.protocol.units import parse_address
from sonar_core.service.instrumented import InstrumentedStore
from sonar_core.service.observer import Observer
from sonar_core.service.observer_setup import service_facts
from sonar_core.service.shutdown import until_asked_to_end
from sonar_core.store.replication_backlog import Backlog

#: Variable that may hold the passphrase of encrypted rows.
PASSPHRASE = "SONAR_MINE_PASSPHRASE"  # noqa: S105 - the name of a variable, not a passphrase


def default_home() -> Path:
    """Where a Mine lives unless it is told otherwise."""
    return settings().home / "mine"


def open_home(folder: Path, ask: Callable[[], str] | None = None, *, rows: bool = True) -> Home:
    """The Mine in a folder, its rows unlocked where they are encrypted.

    Args:
        folder: of the Mine.
        ask: gives the passphrase where there is need of one; None takes it from `PASSPHRASE` in the environment.
        rows: whether they must be readable; otherwise they may stay locked.

    Raises:
        HomeMissingError: there is no Mine.
        HomeLockedError: the rows must be readable, and nobody gave the passphrase.
        VaultError: it is the wrong one.
    """
    home = Home(folder)
    if not home.encrypted:
        return home
    passphrase = ask() if ask else find_passphrase(PASSPHRASE)
    if passphrase:
        home.unlock(passphrase)
    elif rows:
        raise HomeLockedError(folder, PASSPHRASE)
    return home


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
    ask: Callable[[], str] | None = None,
) -> Iterator[Mine]:
    """The Mine in a home, ready to step, and no other process's while it is open.

    Args:
        engine, scheduler: what it computes with (`ape_mine.training.compute_backend.open_engine`).
        observer: who watches.
        ask: as for `open_home`; without an answer encrypted rows stay locked, and nothing is trained on them.

    Raises:
        UsageError: `sonar` or `pay_to` is no address, or the engine is none.
        EngineMissingError, EngineUnreachableError: the engine cannot be used.
        HomeMissingError, HomeMismatchError, HomeBusyError: the home cannot be used.
        DeploymentUnknownError, ChainError, StoreError: chain or store cannot be used.
    """
    watch = observer or Observer()
    place = open_home(home, ask, rows=False)
    unlock(account)
    site = find_connection(account, sonar)
    # The backlog has a connection of its own to the journal: the store is there before the Mine.
    with place.lock(), open_engine(engine, scheduler) as executor, place.state().opened() as state:
        mine = Mine(
            site.chain,
            InstrumentedStore(configured_store(backlog=Backlog(state.journal)), watch),
            place,
            confirmations=site.confirmations,
            start_block=site.start_block,
            tokens=site.tokens,
            pay_to=pay_to and parse_address(pay_to),
            most_features=most_features,
            executor=executor,
            observer=watch,
            cache=configured_cache(),
            tidy_after=settings().tidy_after,
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
