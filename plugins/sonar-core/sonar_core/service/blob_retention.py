"""Retention of blobs: which blobs of ended Campaigns may be unpinned, and unpinning them with a journal.

A Campaign is over if nothing of it can be disputed or opened any more: its claims are open, or it was never opened. The
setting `tidy_after` keeps its blobs for some time more. A blob that a running Campaign refers to is kept, and all blobs
of its parent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from sonar_core.base.database import Database
from sonar_core.base.errors import SpecError
from sonar_core.protocol.campaign_spec import CampaignSpec
from sonar_core.protocol.ledger import CampaignState, Ledger
from sonar_core.protocol.structs import EMPTY_BYTES32, Status
from sonar_core.store import BlobError, BlobStore
from sonar_core.store.artifacts import named_blobs, read_spec
from sonar_core.store.cache import BlobCache

#: Table of a Tidier; part of its owner's migrations.
TIDY_TABLE = """
CREATE TABLE released (campaign BLOB NOT NULL, address BLOB NOT NULL, gone INTEGER NOT NULL DEFAULT 0,
                       PRIMARY KEY (campaign, address)) WITHOUT ROWID
"""
_NONE = (b"", EMPTY_BYTES32)
_NEVER_OPEN = (Status.DECLINED, Status.CANCELLED)


def over_since(campaign: CampaignState, now: int) -> int | None:
    """Time from which a Campaign was over, Unix seconds; None if it is not."""
    if campaign.status(now) in _NEVER_OPEN:
        return campaign.ends_at  # the last moment at which it could have been opened
    return campaign.claims_open_at() if campaign.claims_open(now) else None


def is_over(campaign: CampaignState | None, now: int, after: int) -> bool:
    """Whether a Campaign has been over for `after` seconds."""
    since = over_since(campaign, now) if campaign else None
    return since is not None and now >= since + after


def blobs_on_chain(campaign: CampaignState) -> frozenset[bytes]:
    """All addresses in a Campaign's events, without the Capsule's keyring, which is not the Campaign's."""
    found = {campaign.terms.spec, campaign.terms.validation, campaign.delivery}
    if campaign.start:
        found.add(campaign.start.public_key)
    found |= {model.address for model in campaign.models}
    for gradient in campaign.gradients.values():
        found.add(gradient.record.bundle)
        if gradient.score:
            found |= {gradient.score.unsealed_bundle, gradient.score.model}
    return frozenset(found.difference(_NONE))


@dataclass(frozen=True, slots=True)
class Holding:
    """Blobs that one party has put on its nodes, or pinned there.

    Attributes:
        campaigns: returns the Campaigns of which it may have blobs.
        blobs: returns the addresses of a Campaign's blobs; the spec is None if it cannot be read.
    """

    campaigns: Callable[[Ledger], Iterable[CampaignState]]
    blobs: Callable[[CampaignState, CampaignSpec | None], set[bytes]]


@dataclass(frozen=True, slots=True)
class Leftover:
    """Blobs that are still kept of one Campaign that is over.

    Attributes:
        campaign: id.
        blobs: addresses to unpin.
        copies: addresses of which at most the cache has copies.
        needed: addresses that stay, each with the id of a Campaign that refers to it.
    """

    campaign: bytes
    blobs: frozenset[bytes]
    copies: frozenset[bytes] = frozenset()
    needed: Mapping[bytes, bytes] = field(default_factory=dict)


class Tidier:
    """Finds blobs that may be unpinned, and unpins them. An interrupted run is continued by the next one.

    Args:
        journal: its migrations include TIDY_TABLE.
        store: the party's.
        cache: of this machine; None without one.
        holding: the party's blobs.
    """

    def __init__(self, journal: Database, store: BlobStore, cache: BlobCache | None, holding: Holding) -> None:
        self._journal, self._store, self._cache, self._holding = journal, store, cache, holding
        self._named: dict[bytes, frozenset[bytes]] = {}

    @property
    def keeps_all(self) -> bool:
        """Whether the store has no pins: an embedded store is shared by its parties and keeps every blob."""
        return self._store.uri.startswith("embedded:")

    def leftovers(self, confirmed: Ledger, newest: Ledger, now: int, after: int) -> list[Leftover]:
        """The Campaigns that have been over for `after` seconds and still have blobs, oldest first.

        Args:
            confirmed: ledger of the confirmed events, which decides whether a Campaign is over.
            newest: ledger with the newest blocks, which may refer to a blob.
            now: the chain's time, Unix seconds.
            after: seconds.

        Raises:
            StoreUnavailableError, BlobError, SpecError: a spec of the party's own running Campaigns cannot be read now,
                so that nothing may be unpinned.
            JournalError: the journal cannot be used.
        """
        running = {one.id for one in newest.campaigns.values() if not is_over(one, now, after)}
        kept = running | {newest.campaigns[campaign].terms.parent for campaign in running}
        own = [one for one in self._holding.campaigns(newest) if one.id not in kept]
        own = [one for one in own if is_over(confirmed.campaigns.get(one.id), now, after)]
        listed = [(one, blobs) for one in own if (blobs := self._still_there(one))]
        if not listed:
            return []
        needed = self._needed([newest.campaigns[campaign] for campaign in kept if campaign in newest.campaigns], newest)
        return [_leftover(campaign, blobs, needed) for campaign, blobs in listed]

    def size(self, leftover: Leftover) -> int:
        """Bytes that letting go would free, on all nodes and in the cache together. Raises StoreUnavailableError."""
        pinned = sum(map(self._store.pinned_bytes, leftover.blobs))
        return pinned + sum(map(self._cache.size, leftover.blobs | leftover.copies)) if self._cache else pinned

    def release(self, leftovers: Iterable[Leftover], *, most: int | None = None) -> int:
        """Lets go of blobs, at most so many; of how many.

        Raises:
            StoreUnavailableError: no node answers; what is left comes next time.
            JournalError: the journal cannot be used.
        """
        released = 0
        for leftover in leftovers:
            self._note(leftover)
            if self._cache:
                for address in leftover.copies | leftover.blobs:
                    self._cache.drop(address)
            for address in sorted(leftover.blobs):
                if released == most:
                    return released
                self._store.unpin(address)
                self._gone(leftover.campaign, address)
                released += 1
        return released

    # ------------------------------------------------------------------ references

    def _still_there(self, campaign: CampaignState) -> frozenset[bytes]:
        """The party's blobs of a Campaign that are not unpinned yet. The journal comes first: the spec may be gone."""
        rows = self._journal.rows("SELECT address, gone FROM released WHERE campaign = ?", (campaign.id,))
        if rows:
            return frozenset(row["address"] for row in rows if not row["gone"])
        try:
            spec = read_spec(self._store, campaign.terms.spec)
        except (BlobError, SpecError):
            spec = None  # the party could not read it either, and pinned nothing that it names
        return frozenset(self._holding.blobs(campaign, spec).difference(_NONE))

    def _needed(self, campaigns: list[CampaignState], newest: Ledger) -> dict[bytes, bytes]:
        """Addresses that Campaigns refer to, each with the id of one of them."""
        own = {one.id for one in self._holding.campaigns(newest)}
        needed: dict[bytes, bytes] = {}
        for campaign in campaigns:
            for address in blobs_on_chain(campaign) | self._named_in_spec(campaign, own=campaign.id in own):
                needed.setdefault(address, campaign.id)
        return needed

    def _named_in_spec(self, campaign: CampaignState, *, own: bool) -> frozenset[bytes]:
        """Addresses in a Campaign's spec. A stranger's spec is read only if the party's own nodes have it."""
        address = campaign.terms.spec
        if address not in self._named:
            must = own and campaign.start is not None
            if not must and not self._store.has(address):
                return frozenset()
            try:
                self._named[address] = frozenset(named_blobs(read_spec(self._store, address)))
            except (BlobError, SpecError):
                if must:
                    raise
                return frozenset()
        return self._named[address]

    # ------------------------------------------------------------------ the journal

    def _note(self, leftover: Leftover) -> None:
        with self._journal.transaction() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO released (campaign, address) VALUES (?, ?)",
                [(leftover.campaign, address) for address in (*leftover.blobs, *leftover.needed)],
            )

    def _gone(self, campaign: bytes, address: bytes) -> None:
        with self._journal.transaction() as connection:
            connection.execute("UPDATE released SET gone = 1 WHERE campaign = ? AND address = ?", (campaign, address))


def _leftover(campaign: CampaignState, blobs: frozenset[bytes], needed: Mapping[bytes, bytes]) -> Leftover:
    return Leftover(
        campaign.id,
        blobs=blobs.difference(needed),
        copies=blobs_on_chain(campaign).difference(blobs, needed),
        needed={address: needed[address] for address in sorted(blobs) if address in needed},
    )
