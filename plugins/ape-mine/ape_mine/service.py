"""Builds a Mine from the project's settings and an account, for `ape mine` and `scripts/mine.py`."""

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

#: Environment variable for the passphrase of encrypted rows.
PASSPHRASE = "SONAR_MINE_PASSPHRASE"  # noqa: S105 - the name of a variable, not a passphrase


def default_home() -> Path:
    """Default folder of a Mine."""
    return settings().home / "mine"


def open_home(folder: Path, ask: Callable[[], str] | None = None, *, rows: bool = True) -> Home:
    """Opens the Mine in a folder, and unlocks its rows if they are encrypted.

    Args:
        folder: of the Mine.
        ask: gives the passphrase, called only if one is needed; None reads the environment variable `PASSPHRASE`.
        rows: whether the rows must be readable; otherwise they may stay locked.

    Raises:
        HomeMissingError: the folder holds no Mine.
        HomeLockedError: the rows must be readable, but no passphrase was given.
        VaultError: a wrong passphrase.
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
    """Opens the Mine in a home, ready to run, and excludes other processes from it while it is open.

    Args:
        account: signs the Mine's transactions.
        home: folder of the Mine.
        sonar: address of the contract; default: the recorded deployment.
        pay_to, most_features: as for `Mine`.
        engine, scheduler: compute backend (`ape_mine.training.compute_backend.open_engine`).
        observer: receives logs and metrics.
        ask: as for `open_home`; without a passphrase encrypted rows stay locked, and nothing is trained on them.

    Raises:
        UsageError: an invalid address or engine.
        ExtraMissingError, EngineUnreachableError: the engine cannot be used.
        HomeMissingError, HomeMismatchError, HomeBusyError: the home cannot be used.
        DeploymentUnknownError, ChainError, StoreError: chain or store cannot be used.
    """
    watch = observer or Observer()
    mine_home = open_home(home, ask, rows=False)
    unlock(account)
    connection = find_connection(account, sonar)
    # The replication backlog needs the journal before the Mine, which opens its own connection to it.
    with mine_home.lock(), open_engine(engine, scheduler) as executor, mine_home.state().opened() as state:
        mine = Mine(
            connection.chain,
            InstrumentedStore(configured_store(backlog=Backlog(state.journal)), watch),
            mine_home,
            confirmations=connection.confirmations,
            start_block=connection.start_block,
            tokens=connection.tokens,
            pay_to=pay_to and parse_address(pay_to),
            most_features=most_features,
            executor=executor,
            observer=watch,
            cache=configured_cache(),
            tidy_after=settings().tidy_after,
        )
        watch.started(service_facts("ape-mine", connection.chain))
        try:
            yield mine
        finally:
            mine.close()


def serve(mine: Mine, observer: Observer, *, poll_interval: float | None = None) -> None:
    """Runs a Mine until SIGINT or SIGTERM; the current step is finished first."""
    with until_asked_to_end(settings().stop_within) as stop:
        mine.run(poll_interval=poll_interval or settings().poll_interval, stop=stop, report=observer.acted)
