"""A Capsule put together from its home, the project's settings and an account."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ape.api import AccountAPI

from ape_capsule.errors import HomeBusyError
from ape_capsule.home.pinned_blobs import capsule_holding
from ape_capsule.home.sealed_files import SealedFiles
from ape_capsule.home.state import CapsuleJournal
from ape_capsule.keys.openpgp_identity import Identity, require_identity
from ape_capsule.keys.paillier_keystore import Keystore
from ape_capsule.keys.warrant_log import WarrantLog
from ape_capsule.loop import Capsule
from ape_capsule.scoring.worker_pool import WorkerPool
from sonar_core.app.connection import Connection, find_connection
from sonar_core.app.settings import configured_cache, configured_store, settings
from sonar_core.base.file_lock import file_lock
from sonar_core.chain.contracts import Receipt, SonarContracts
from sonar_core.chain.event_log import EventLog
from sonar_core.cli.signing import unlock
from sonar_core.crypto import vault
from sonar_core.protocol.ledger import CampaignState, Ledger
from sonar_core.protocol.structs import CapsuleTerms, CurrencyOffer
from sonar_core.service.blob_maintenance import BlobMaintenance
from sonar_core.service.blob_retention import Tidier
from sonar_core.service.instrumented import InstrumentedStore
from sonar_core.service.observer import Observer
from sonar_core.service.observer_setup import service_facts
from sonar_core.service.shutdown import until_asked_to_end
from sonar_core.store import BlobStore
from sonar_core.store.cache import BlobCache
from sonar_core.store.replication_backlog import Backlog

#: Variable that may hold the passphrase of the vaults.
PASSPHRASE = "SONAR_CAPSULE_PASSPHRASE"  # noqa: S105 - the name of a variable, not a passphrase
#: Names of files and folders in a Capsule's home.
STATEMENTS_FOLDER = "statements"
STATE_FILE, WARRANT_FILE, LOCK_FILE, KEYS_FOLDER = "state.sqlite", "warrants.jsonl", "lock", "keys"
HEADS_FOLDER, EVIDENCE_FOLDER = "heads", "evidence"


def default_home() -> Path:
    """Where a Capsule lives unless it is told otherwise."""
    return settings().home / "capsule"


def announce(
    chain: SonarContracts, store: BlobStore, identity: Identity, terms: CapsuleTerms, offers: list[CurrencyOffer]
) -> Receipt:
    """Publishes the Capsule's ring, and says on chain where it is and what the Capsule takes."""
    return chain.announce(store.put(identity.ring()), terms, offers)


def build_oracle(
    chain: SonarContracts,
    store: BlobStore,
    home: Path,
    passphrase: str,
    *,
    confirmations: int,
    start_block: int,
    cost: int = vault.COST,
    observer: Observer | None = None,
    workers: int = 0,
    cache: BlobCache | None = None,
    tidy_after: float | None = None,
) -> Capsule:
    """The oracle of a home, ready to step.

    Args:
        workers: processes that weigh Gradients; 0: this one does.
        cache: copies of blobs on this machine, which are tidied as well.
        tidy_after: seconds after which blobs of Campaigns that are over go; None: never.

    Raises:
        IdentityMissingError: `ape capsule init` was not run.
        VaultError: the passphrase is wrong.
        JournalError, WarrantLogCorruptError: a file in the home is damaged.
    """
    identity, state = Identity.load(home, passphrase), CapsuleJournal(home / STATE_FILE)
    tidier = Tidier(state.journal, store, cache, capsule_holding(state, chain.sender))
    return Capsule(
        chain,
        store,
        identity=identity,
        keystore=Keystore(home / KEYS_FOLDER, passphrase, cost=cost),
        warrants=WarrantLog(home / WARRANT_FILE),
        state=state,
        heads=SealedFiles(home / HEADS_FOLDER, identity),
        evidence=SealedFiles(home / EVIDENCE_FOLDER, identity),
        confirmations=confirmations,
        start_block=start_block,
        observer=observer,
        workers=WorkerPool(workers),
        upkeep=BlobMaintenance(store, tidier, tidy_after),
    )


@contextmanager
def lock(home: Path) -> Iterator[None]:
    """Keeps other processes from answering for this Capsule. Raises HomeBusyError, IdentityMissingError."""
    require_identity(home)
    with file_lock(home / LOCK_FILE, busy=HomeBusyError(home)):
        yield


def read_ledger(site: Connection, home: Path) -> Ledger:
    """All Campaigns, the newest blocks included. Where the home has read nothing yet, no file is made there.

    Raises:
        ChainError: the chain cannot be read.
        JournalError, WrongChainError: the home's state file cannot be used, or is of another chain.
    """
    path = home / STATE_FILE
    if not path.exists():
        return Ledger().apply_all(site.chain.events(site.start_block, site.chain.newest_block() + 1))
    with closing(CapsuleJournal(path)) as state:
        confirmations, start = site.confirmations, site.start_block
        return EventLog(site.chain, state.journal, confirmations=confirmations, start_block=start).unconfirmed_ledger()


def own_campaigns(site: Connection, home: Path) -> list[CampaignState]:
    """The Capsule's own of them. Raises as `read_ledger`."""
    return read_ledger(site, home).campaigns_of_capsule(site.chain.sender)


@contextmanager
def open_oracle(
    account: AccountAPI,
    home: Path,
    passphrase: str,
    observer: Observer,
    *,
    sonar: str | None = None,
    workers: int | None = None,
) -> Iterator[Capsule]:
    """The oracle on the network that Ape is connected to, and no other process's while it is open.

    Args:
        workers: processes that weigh Gradients, 0 for none; None: one for each core.
    """
    unlock(account)
    site = find_connection(account, sonar)
    # The backlog has a connection of its own to the journal: the store is there before the oracle.
    with lock(home), closing(CapsuleJournal(home / STATE_FILE)) as state:
        oracle = build_oracle(
            site.chain,
            InstrumentedStore(configured_store(backlog=Backlog(state.journal)), observer),
            home,
            passphrase,
            confirmations=site.confirmations,
            start_block=site.start_block,
            observer=observer,
            workers=len(os.sched_getaffinity(0)) if workers is None else workers,
            cache=configured_cache(),
            tidy_after=settings().tidy_after,
        )
        observer.started(service_facts("ape-capsule", site.chain))
        try:
            yield oracle
        finally:
            oracle.close()


def serve(oracle: Capsule, observer: Observer, *, poll_interval: float | None = None) -> None:
    """Runs a Capsule until the process is asked to end; what is under way is finished first."""
    with until_asked_to_end(settings().stop_within) as stop:
        oracle.run(poll_interval=poll_interval or settings().poll_interval, stop=stop, report=observer.acted)
