"""A Capsule put together from its home, the project's settings and an account."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ape.api import AccountAPI

from ape_sonar import vault
from ape_sonar.action import Action
from ape_sonar.chain import Receipt, SonarChain
from ape_sonar.config import configured_store, settings
from ape_sonar.site import find_site, until_asked_to_end
from ape_sonar.store import BlobStore
from ape_sonar.terms import CapsuleTerms, CurrencyOffer

from .archive import Archive
from .errors import HomeBusyError
from .identity import Identity, require_identity
from .keystore import Keystore
from .oracle import Oracle
from .state import State
from .warrants import WarrantLog

#: Names of files and folders in a Capsule's home.
STATE_FILE, WARRANT_FILE, LOCK_FILE, KEYS_FOLDER = "state.sqlite", "warrants.jsonl", "lock", "keys"


def default_home() -> Path:
    """Where a Capsule lives unless it is told otherwise."""
    return settings().home_folder / "capsule"


def announce(
    chain: SonarChain, store: BlobStore, identity: Identity, terms: CapsuleTerms, offers: list[CurrencyOffer]
) -> Receipt:
    """Publishes the Capsule's ring, and says on chain where it is and what the Capsule takes."""
    return chain.announce(store.put(identity.ring()), terms, offers)


def build_oracle(
    chain: SonarChain,
    store: BlobStore,
    home: Path,
    passphrase: str,
    *,
    confirmations: int,
    start_block: int,
    cost: int = vault.COST,
) -> Oracle:
    """The oracle of a home, ready to step.

    Raises:
        IdentityMissingError: `ape capsule init` was not run.
        VaultError: the passphrase is wrong.
        JournalError, WarrantLogCorruptError: a file in the home is damaged.
    """
    identity = Identity.load(home, passphrase)
    return Oracle(
        chain,
        store,
        identity=identity,
        keystore=Keystore(home / KEYS_FOLDER, passphrase, cost=cost),
        warrants=WarrantLog(home / WARRANT_FILE),
        state=State(home / STATE_FILE),
        heads=Archive(home / "heads", identity),
        evidence=Archive(home / "evidence", identity),
        confirmations=confirmations,
        start_block=start_block,
    )


@contextmanager
def lock(home: Path) -> Iterator[None]:
    """Keeps other processes from answering for this Capsule. Raises HomeBusyError, IdentityMissingError."""
    require_identity(home)
    with (home / LOCK_FILE).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HomeBusyError(home) from None
        yield


@contextmanager
def open_oracle(account: AccountAPI, home: Path, passphrase: str, *, sonar: str | None = None) -> Iterator[Oracle]:
    """The oracle on the network that Ape is connected to, and no other process's while it is open."""
    site = find_site(account, sonar)
    with lock(home):
        oracle = build_oracle(
            site.chain,
            configured_store(),
            home,
            passphrase,
            confirmations=site.confirmations,
            start_block=site.start_block,
        )
        try:
            yield oracle
        finally:
            oracle.close()


def serve(oracle: Oracle, report: Callable[[Action], None], *, poll_interval: float | None = None) -> None:
    """Runs a Capsule until the process is asked to end; what is under way is finished first."""
    with until_asked_to_end() as stop:
        oracle.run(poll_interval=poll_interval or settings().poll_interval, stop=stop, report=report)
