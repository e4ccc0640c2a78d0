"""A Capsule assembled from its home, the project's settings and an account."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ape.api import AccountAPI

from ape_capsule.home.paths import EVIDENCE_FOLDER, KEYS_FOLDER, STATE_FILE, WARRANT_FILE, WEIGHTS_FOLDER, lock
from ape_capsule.home.pinned_blobs import capsule_holding
from ape_capsule.home.plaintext_weights import PlaintextWeights
from ape_capsule.home.sealed_files import SealedFiles
from ape_capsule.home.state import CapsuleJournal
from ape_capsule.keys.openpgp_identity import Identity
from ape_capsule.keys.paillier_keystore import Keystore
from ape_capsule.keys.warrant_log import ChainRef, WarrantLog
from ape_capsule.keys.warranted_decryption import WarrantedDecryption
from ape_capsule.loop import Capsule
from ape_capsule.moves.context import CapsuleContext
from ape_capsule.scoring.worker_pool import WorkerPool
from sonar_core.app.connection import Connection, find_connection
from sonar_core.app.settings import configured_cache, configured_store, settings
from sonar_core.chain.contracts import SonarContracts
from sonar_core.chain.event_log import EventLog
from sonar_core.cli.signing import unlock
from sonar_core.crypto import vault
from sonar_core.protocol.ledger import CampaignState, Ledger
from sonar_core.protocol.units import Currency
from sonar_core.service.blob_maintenance import BlobMaintenance
from sonar_core.service.blob_retention import Tidier
from sonar_core.service.instrumented import InstrumentedStore
from sonar_core.service.observer import Observer
from sonar_core.service.observer_setup import service_facts
from sonar_core.service.shutdown import until_asked_to_end
from sonar_core.store import BlobStore
from sonar_core.store.cache import BlobCache
from sonar_core.store.replication_backlog import Backlog


def build_capsule(
    chain: SonarContracts,
    store: BlobStore,
    home: Path,
    passphrase: str,
    *,
    confirmations: int,
    start_block: int,
    tokens: tuple[Currency, ...] = (),
    cost: int = vault.COST,
    observer: Observer | None = None,
    workers: int = 0,
    cache: BlobCache | None = None,
    tidy_after: float | None = None,
) -> Capsule:
    """The Capsule of a home, ready to serve.

    Args:
        chain: the contracts, as the Capsule's account.
        store: where blobs are.
        home: folder that `ape capsule init` made.
        passphrase: of the vaults.
        confirmations: blocks on top of an event before it counts.
        start_block: of the contracts' deployment.
        tokens: the ERC-20s named in the settings.
        cost: scrypt's n for new vaults.
        observer: is told of what happens.
        workers: number of processes that score Gradients; 0: this process does.
        cache: copies of blobs on this machine, which are tidied as well.
        tidy_after: seconds after which blobs of Campaigns that are over are released; None: never.

    Raises:
        IdentityMissingError: `ape capsule init` was not run.
        VaultError: the passphrase is wrong.
        HomeMismatchError: the journal belongs to another account or Sonar.
        WrongChainError: the journal belongs to another chain.
        JournalError, WarrantLogCorruptError: a file in the home is damaged.
    """
    identity, journal = Identity.load(home, passphrase), CapsuleJournal(home / STATE_FILE)
    journal.bind(chain.sender, chain.address)
    events = EventLog(chain, journal.database, confirmations=confirmations, start_block=start_block)
    tidier = Tidier(journal.database, store, cache, capsule_holding(journal, chain.sender))
    keystore = Keystore(home / KEYS_FOLDER, passphrase, cost=cost)
    context = CapsuleContext(
        chain=chain.with_journal(journal.database),
        store=store,
        identity=identity,
        keystore=keystore,
        decryption=WarrantedDecryption(WarrantLog(home / WARRANT_FILE, chain_ref(chain)), keystore, journal, chain),
        journal=journal,
        weights=PlaintextWeights(SealedFiles(home / WEIGHTS_FOLDER, identity)),
        evidence=SealedFiles(home / EVIDENCE_FOLDER, identity),
        workers=WorkerPool(workers),
        observer=observer or Observer(),
        tokens=tokens,
    )
    return Capsule(context, events, BlobMaintenance(store, tidier, tidy_after))


def chain_ref(chain: SonarContracts) -> ChainRef:
    """What a warrant says of its chain. Raises ChainError."""
    return ChainRef(chain.chain_id, chain.block_hash(0), chain.address)


def read_ledger(connection: Connection, home: Path) -> Ledger:
    """All Campaigns, the newest blocks included. A home that has read no event yet gets no file.

    Raises:
        ChainError: the chain cannot be read.
        JournalError, WrongChainError: the home's state file cannot be used, or belongs to another chain.
    """
    path = home / STATE_FILE
    if not path.exists():
        return Ledger().apply_all(connection.chain.events(connection.start_block, connection.chain.newest_block() + 1))
    with closing(CapsuleJournal(path)) as journal:
        return connection.event_log(journal.database).unconfirmed_ledger()


def own_campaigns(connection: Connection, home: Path) -> list[CampaignState]:
    """The Campaigns that name this Capsule. Raises as `read_ledger`."""
    return read_ledger(connection, home).campaigns_of_capsule(connection.chain.sender)


@contextmanager
def open_capsule(
    account: AccountAPI,
    home: Path,
    passphrase: str,
    observer: Observer,
    *,
    sonar: str | None = None,
    workers: int | None = None,
) -> Iterator[Capsule]:
    """The Capsule of a home on the network that Ape is connected to; it locks the home.

    Args:
        account: the Capsule's.
        home: folder that `ape capsule init` made.
        passphrase: of the vaults.
        observer: is told of what happens.
        sonar: address of the Sonar contract; None: the one deployed from here.
        workers: number of processes that score Gradients; 0: none; None: one per core.

    Raises:
        HomeBusyError: another process serves this home.
        DeploymentUnknownError, ChainError, StoreError: chain or store cannot be used.
        SonarError: as `build_capsule`.
    """
    unlock(account)
    connection = find_connection(account, sonar)
    # The backlog has a connection of its own to the journal: the store exists before the Capsule.
    with lock(home), closing(CapsuleJournal(home / STATE_FILE)) as journal:
        capsule = build_capsule(
            connection.chain,
            InstrumentedStore(configured_store(backlog=Backlog(journal.database)), observer),
            home,
            passphrase,
            confirmations=connection.confirmations,
            start_block=connection.start_block,
            tokens=connection.tokens,
            observer=observer,
            workers=len(os.sched_getaffinity(0)) if workers is None else workers,
            cache=configured_cache(),
            tidy_after=settings().tidy_after,
        )
        observer.started(service_facts("ape-capsule", connection.chain))
        try:
            yield capsule
        finally:
            capsule.close()


def serve(capsule: Capsule, observer: Observer, *, poll_interval: float | None = None) -> None:
    """Runs a Capsule until SIGINT or SIGTERM; a move under way is finished first."""
    with until_asked_to_end(settings().stop_within) as stop:
        capsule.run(poll_interval=poll_interval or settings().poll_interval, stop=stop, report=observer.acted)
