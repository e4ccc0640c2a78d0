"""A Capsule's state file rebuilt from the chain.

What is submitted, scored, opened and due is read off the chain. A move that was computed and not sent is computed
again: key pairs, warrants, weights and evidence are files of their own, a warrant that was granted covers the same
decryption once more, and the contract takes one score per Gradient. Only the reasons of rejections are lost, which
`ape capsule status` shows.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ape_capsule.errors import HomeMismatchError
from ape_capsule.home.paths import KEYS_FOLDER, STATE_FILE, lock
from ape_capsule.home.state import CapsuleJournal
from ape_capsule.keys.paillier_keystore import has_key
from sonar_core.app.connection import Connection
from sonar_core.base.database import JournalDamagedError
from sonar_core.chain.event_follower import DeepReorganisationError, WrongChainError
from sonar_core.protocol.ledger import CampaignState
from sonar_core.protocol.structs import Status
from sonar_core.service.state_replacement import StateSoundError, rebuilt

_NEED_KEYS = (Status.OPEN, Status.CLOSING)


@dataclass(frozen=True, slots=True)
class RebuiltState:
    """The result of a rebuild.

    Attributes:
        aside: path of the old file, which need not have existed.
        campaigns: number of the Capsule's own Campaigns.
        scored, waiting: numbers of their Gradients with and without a score.
        keyless: ids of open Campaigns whose key pair is not in this home; without it their bonds are lost.
    """

    aside: Path
    campaigns: int
    scored: int
    waiting: int
    keyless: tuple[bytes, ...]


def rebuild(home: Path, connection: Connection) -> RebuiltState:
    """Rebuilds the state file in a Capsule's home; the old one is moved aside.

    Args:
        home: of the Capsule, which no process uses.
        connection: to the chain, as the Capsule's account.

    Raises:
        StateSoundError: the file is intact and follows this chain.
        IdentityMissingError, HomeBusyError: there is no Capsule, or it serves.
        ChainError, JournalError, OSError: nothing has changed.
    """
    path, chain = home / STATE_FILE, connection.chain
    with lock(home), rebuilt(path) as (fresh, aside), closing(CapsuleJournal(fresh)) as journal:
        _require_unusable(path, connection)
        journal.bind(chain.sender, chain.address)
        events = connection.event_log(journal.database)
        events.catch_up()
        own = events.unconfirmed_ledger().campaigns_of_capsule(chain.sender)
        return RebuiltState(
            aside=aside,
            campaigns=len(own),
            scored=sum(one.scored for one in own),
            waiting=sum(one.submitted - one.scored for one in own),
            keyless=_keyless(own, chain.timestamp(), home / KEYS_FOLDER),
        )


def _require_unusable(path: Path, connection: Connection) -> None:
    """Raises StateSoundError if the file is intact, of this account, and follows this chain."""
    if not path.exists():
        return
    try:
        with closing(CapsuleJournal(path)) as former:
            former.bind(connection.chain.sender, connection.chain.address)
            connection.event_log(former.database).catch_up()
    except (JournalDamagedError, HomeMismatchError, WrongChainError, DeepReorganisationError):
        return
    raise StateSoundError(path)


def _keyless(own: list[CampaignState], now: int, keys: Path) -> tuple[bytes, ...]:
    return tuple(one.id for one in own if one.status(now) in _NEED_KEYS and not has_key(keys, one.id))
