"""A Capsule's state file made anew from the chain.

What is submitted, scored, opened and due is read off the chain. A move that was computed and not sent is computed
again: key pairs, warrants, heads and evidence are files of their own, a warrant that was granted covers the same
decryption once more, and the contract takes one verdict for each Gradient. The reasons of refusals are lost, which only
`ape capsule status` shows.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ape_capsule.errors import HomeMismatchError
from ape_capsule.home.state import CapsuleJournal
from ape_capsule.keys.paillier_keystore import has_key
from ape_capsule.service import KEYS_FOLDER, STATE_FILE, lock
from sonar_core.base.database import JournalDamagedError
from sonar_core.chain.contracts import SonarContracts
from sonar_core.chain.event_follower import DeepReorganisationError, WrongChainError
from sonar_core.chain.event_log import EventLog
from sonar_core.protocol.ledger import CampaignState
from sonar_core.protocol.structs import Status
from sonar_core.service.state_replacement import StateSoundError, rebuilt

_NEED_KEYS = (Status.OPEN, Status.CLOSING)


@dataclass(frozen=True, slots=True)
class RebuiltState:
    """What came of it.

    Attributes:
        aside: where the old file is.
        campaigns, scored, waiting: the Capsule's own Campaigns, and their Gradients with and without a verdict.
        keyless: open Campaigns whose key pair is not in this home: their bonds are lost without it.
    """

    aside: Path
    campaigns: int
    scored: int
    waiting: int
    keyless: tuple[bytes, ...]


def rebuild(home: Path, chain: SonarContracts, *, confirmations: int, start_block: int) -> RebuiltState:
    """Makes the state file in a Capsule's home anew; the old one is moved aside.

    Args:
        home: of the Capsule, which no process uses.
        chain: as the Capsule's account.
        confirmations, start_block: as for the Capsule.

    Raises:
        StateSoundError: nothing is wrong with the file.
        IdentityMissingError, HomeBusyError: there is no Capsule, or it is at work.
        ChainError, JournalError, OSError: nothing has changed.
    """
    path = home / STATE_FILE
    with lock(home), rebuilt(path) as (fresh, aside), closing(CapsuleJournal(fresh)) as state:
        _require_unsound(path, chain, confirmations, start_block)
        state.bind(chain.sender, chain.address)
        event_log = EventLog(chain, state.journal, confirmations=confirmations, start_block=start_block)
        event_log.catch_up()
        own = event_log.unconfirmed_ledger().campaigns_of_capsule(chain.sender)
        return RebuiltState(
            aside=aside,
            campaigns=len(own),
            scored=sum(one.scored for one in own),
            waiting=sum(one.submitted - one.scored for one in own),
            keyless=_keyless(own, chain.timestamp(), home / KEYS_FOLDER),
        )


def _require_unsound(path: Path, chain: SonarContracts, confirmations: int, start_block: int) -> None:
    if not path.exists():
        return
    try:
        with closing(CapsuleJournal(path)) as former:
            former.bind(chain.sender, chain.address)
            EventLog(chain, former.journal, confirmations=confirmations, start_block=start_block).catch_up()
    except (JournalDamagedError, HomeMismatchError, WrongChainError, DeepReorganisationError):
        return
    raise StateSoundError(path)


def _keyless(own: list[CampaignState], now: int, keys: Path) -> tuple[bytes, ...]:
    return tuple(one.id for one in own if one.status(now) in _NEED_KEYS and not has_key(keys, one.id))
