"""Rebuilds a Mine's state file from the chain.

Submissions, scores and payouts are read from the chain. Noisy statistics and the privacy spent on them are not there: a
budget is never granted twice, so that without a readable old file every dataset's budget counts as spent. Approvals by
hand are asked for again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ape_mine.errors import HomeMissingError
from ape_mine.home.home import STATE_FILE, lock, open_datasets
from ape_mine.home.state import MineJournal
from ape_mine.policy.participation import own_gradients
from sonar_core.base.database import JournalDamagedError
from sonar_core.chain.contracts import SonarContracts
from sonar_core.chain.event_follower import DeepReorganisationError, WrongChainError
from sonar_core.chain.event_log import EventLog
from sonar_core.protocol.gradient_map import GradientState
from sonar_core.protocol.ledger import Ledger
from sonar_core.service.state_replacement import StateSoundError, rebuilt
from sonar_core.store import BlobStore


@dataclass(frozen=True, slots=True)
class RebuiltState:
    """Result of a rebuild.

    Attributes:
        aside: path of the old file.
        campaigns, gradients, scored, claimed: the account's numbers, as found on chain.
        lost: Campaign and number of each unscored Gradient whose bundle was never published.
        spent: names of datasets whose privacy budgets count as spent from now on.
    """

    aside: Path
    campaigns: int
    gradients: int
    scored: int
    claimed: int
    lost: tuple[tuple[bytes, int], ...]
    spent: tuple[str, ...]


def rebuild(
    folder: Path, chain: SonarContracts, store: BlobStore, *, confirmations: int, start_block: int
) -> RebuiltState:
    """Rebuilds the state file of the Mine in a folder; the old file is moved aside.

    Args:
        folder: of the Mine, which no process may be running.
        chain: the contracts, as the Miner's account.
        store: of its bundles.
        confirmations, start_block: as for `Mine`.

    Raises:
        StateSoundError: the file is intact.
        HomeMissingError, HomeBusyError: no such Mine, or it is running.
        HomeMismatchError: the file belongs to another account or contract.
        ChainError, StoreError, JournalError, OSError: after any of these nothing has changed.
    """
    datasets, path = open_datasets(folder), folder / STATE_FILE
    with lock(folder), rebuilt(path) as (fresh, aside), MineJournal(fresh).opened() as state:
        state.bind(chain.sender, chain.address)
        event_log = EventLog(chain, state.journal, confirmations=confirmations, start_block=start_block)
        known = _carried_over(path, state, chain, confirmations, start_block)
        spent = () if known else tuple(datasets.catalog.all_names())
        state.releases.assume_spent(spent)
        event_log.catch_up()
        state.restore_submissions(event_log.events(), chain.sender)
        found = _found(event_log.unconfirmed_ledger(), chain.sender, store, aside, spent)
    return found


def _carried_over(path: Path, state: MineJournal, chain: SonarContracts, confirmations: int, start_block: int) -> bool:
    """Copies disclosures from the old file; False if it is unreadable. Raises StateSoundError, HomeMismatchError."""
    if not path.exists() or not path.stat().st_size:
        return False
    try:
        with MineJournal(path).opened() as former:
            former.owner()
            former.bind(chain.sender, chain.address)
            state.carry_over(former)
            EventLog(chain, former.journal, confirmations=confirmations, start_block=start_block).catch_up()
    except (WrongChainError, DeepReorganisationError):
        return True
    except (JournalDamagedError, HomeMissingError):
        return False
    raise StateSoundError(path)


def _found(ledger: Ledger, miner: str, store: BlobStore, aside: Path, spent: tuple[str, ...]) -> RebuiltState:
    worked = list(ledger.campaigns_of_miner(miner))
    own = [(campaign.id, gradient) for campaign in worked for gradient in own_gradients(campaign, miner)]
    return RebuiltState(
        aside=aside,
        campaigns=len(worked),
        gradients=len(own),
        scored=sum(gradient.scored is not None for _, gradient in own),
        claimed=sum(gradient.claimed for _, gradient in own),
        lost=tuple((campaign, gradient.record.number) for campaign, gradient in own if _is_lost(gradient, store)),
        spent=spent,
    )


def _is_lost(gradient: GradientState, store: BlobStore) -> bool:
    return gradient.scored is None and not gradient.reclaimed and not store.has(gradient.record.bundle)
