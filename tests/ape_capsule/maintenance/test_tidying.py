"""What goes of Campaigns that are over, what stays, and a tidier that is killed on the way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ape_capsule.home.pinned_blobs import capsule_holding
from ape_capsule.home.prepared_moves import PreparedDelivery, PreparedStart
from ape_capsule.home.state import CapsuleJournal
from sonar_core.protocol.content_address import to_cid
from sonar_core.protocol.gradient_map import GradientMap, GradientState
from sonar_core.protocol.ledger import CampaignState, Ledger, Model
from sonar_core.protocol.structs import CampaignStart, GradientRecord, Status, Terms
from sonar_core.protocol.units import ZERO_ADDRESS
from sonar_core.service.action import Action
from sonar_core.service.blob_maintenance import BlobMaintenance
from sonar_core.service.blob_retention import Tidier, is_over
from sonar_core.store import BlobError, ReplicationResult
from sonar_core.store.cache import BlobCache
from sonar_core.store.embedded import EmbeddedStore
from tests.world.capsule import KilledError, spec

CAPSULE = "0x" + "5a" * 20
OPENED_AT, ENDS_AT, SETTLED_AT, AUDIT = 1_000, 2_000, 3_000, 500
OVER = SETTLED_AT + AUDIT
MONTH = 30 * 86_400


class Node(EmbeddedStore):
    """A store with pins: what is unpinned is collected at once. It can be told to die at one of its calls."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.dies_after: int | None = None
        self.unpinned: list[bytes] = []

    def unpin(self, address: bytes) -> None:
        if self.dies_after == len(self.unpinned):
            raise KilledError("unpin")
        self.unpinned.append(address)
        (self._folder / to_cid(address)).unlink(missing_ok=True)

    def pinned_bytes(self, address: bytes) -> int:
        path = self._folder / to_cid(address)
        return path.stat().st_size if path.exists() else 0

    def kept(self) -> set[str]:
        return {path.name for path in self._folder.iterdir()}


class Scene:
    """A Capsule's node, journal and cache, and Campaigns as the chain would tell of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.node = Node(folder / "node")
        self.cache = BlobCache(folder / "cache", capacity=1 << 20)
        self.ledger = Ledger()
        self.restart()

    def restart(self) -> None:
        self.state = CapsuleJournal(self.folder / "state.sqlite")
        self.tidier = Tidier(self.state.database, self.node, self.cache, capsule_holding(self.state, CAPSULE))

    def blob(self, words: str) -> bytes:
        address = self.node.put(words.encode())
        self.cache.keep(words.encode())
        return address

    def campaign(self, name: str, *, parent: bytes = bytes(32), capsule: str = CAPSULE, **said: object) -> bytes:
        """A Campaign that was delivered, with a Model of its own."""
        identity = name.encode().ljust(32, b"_")
        blobs = {what: self.blob(f"{name}: {what}") for what in ("validation", "public_key", "model", "delivery")}
        terms = Terms(
            *(capsule, ZERO_ADDRESS, ZERO_ADDRESS, *(0,) * 11),
            scoring_window=0,
            per_gradient=0,
            unavailability_window=0,
            delivery_window=100,
            audit_window=AUDIT,
            scheme=1,
            spec=self.node.put(spec(description=name, **said).to_bytes()),
            validation=blobs["validation"],
            validation_root=bytes(32),
            parent=parent,
        )
        start = CampaignStart(blobs["public_key"], bytes(32), blobs["model"], bytes(32), 0)
        self.ledger.campaigns[identity] = CampaignState(
            *(identity, ZERO_ADDRESS, 0, terms, OPENED_AT, Status.DELIVERED, ENDS_AT, 0, 0, 1),
            settled_at=SETTLED_AT,
            start=start,
            models=(Model(blobs["model"], bytes(32), 0),),
            delivery=blobs["delivery"],
        )
        self.state.prepare(identity, identity, PreparedStart(start))
        self.state.prepare(identity, identity, PreparedDelivery(blobs["delivery"], bytes(32)))
        return identity

    def change(self, campaign: bytes, **changes: object) -> None:
        self.ledger.campaigns[campaign] = replace(self.ledger.campaigns[campaign], **changes)  # type: ignore[arg-type]

    def run_on(self, campaign: bytes) -> None:
        """It is not delivered yet, after all."""
        self.change(campaign, recorded=Status.OPEN, settled_at=0, delivery=b"", ends_at=10 * OVER)

    def names(self, campaign: bytes) -> set[str]:
        """CIDs of what the Capsule keeps of a Campaign."""
        state = self.ledger.campaigns[campaign]
        terms, start = state.terms, state.start
        assert start is not None
        addresses = (terms.spec, terms.validation, start.public_key, start.model, state.delivery)
        return {to_cid(address) for address in addresses if address}

    def tidy(self, now: int = OVER, after: int = 0, newest: Ledger | None = None) -> int:
        return self.tidier.release(self.tidier.leftovers(self.ledger, newest or self.ledger, now, after))


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_campaign_is_over_when_nobody_can_dispute_it(scene: Scene) -> None:
    campaign = scene.ledger.campaigns[scene.campaign("one")]
    assert not is_over(campaign, OVER - 1, 0)
    assert is_over(campaign, OVER, 0)
    assert not is_over(campaign, OVER + MONTH - 1, MONTH)
    assert is_over(campaign, OVER + MONTH, MONTH)
    convicted = replace(campaign, recorded=Status.CONVICTED)
    assert is_over(convicted, SETTLED_AT, 0), "nothing is left to dispute"
    missed = replace(campaign, recorded=Status.OPEN, settled_at=0)
    assert missed.status(OVER) is Status.EXPIRED
    assert not is_over(missed, 10 * OVER, 0), "nobody has recorded it"
    unanswered = replace(missed, recorded=Status.REQUESTED)
    assert (is_over(unanswered, ENDS_AT - 1, 0), is_over(unanswered, ENDS_AT, 0)) == (False, True)
    assert not is_over(None, OVER, 0)


def test_all_of_a_campaign_goes_once_it_is_over_and_nothing_before(scene: Scene) -> None:
    campaign = scene.campaign("one")
    kept = scene.node.kept()
    bundle = scene.blob("a Miner's bundle: only read here, whoever pinned it")
    record = GradientRecord(0, ZERO_ADDRESS, bundle, bytes(32), 0, 0, 0)
    scene.change(campaign, gradients=GradientMap().with_gradient(GradientState(record)))
    scene.cache.keep(b"of another Campaign")
    assert scene.tidy(OVER - 1) == scene.tidy(OVER, after=1) == 0
    assert kept == scene.names(campaign)
    assert scene.tidy() == 5
    assert scene.node.kept() == {to_cid(bundle)}
    copies = [path.name for path in (scene.folder / "cache").iterdir()]
    assert copies == [to_cid(scene.node.address_of(b"of another Campaign"))]
    assert scene.tidy() == 0


def test_what_has_not_its_confirmations_lets_nothing_go(scene: Scene) -> None:
    campaign = scene.campaign("one")
    newest = scene.ledger.copy()
    scene.run_on(campaign)
    assert scene.tidy(newest=newest) == 0


def test_other_capsules_campaigns_are_left_alone(scene: Scene) -> None:
    scene.campaign("theirs", capsule="0x" + "77" * 20)
    assert scene.tidy() == 0


def test_a_parent_stays_while_its_child_runs(scene: Scene) -> None:
    """The child starts from the Model that was delivered, and its Data Scientist opens that anew."""
    parent = scene.campaign("parent")
    child = scene.campaign("child", parent=parent)
    scene.run_on(child)
    assert scene.tidy() == 0
    scene.change(child, recorded=Status.DELIVERED, settled_at=SETTLED_AT, ends_at=ENDS_AT)
    assert scene.tidy() == 10, "with the delivery that the child had prepared before"
    assert not scene.node.kept() & scene.names(parent)


def test_a_blob_that_a_running_campaign_refers_to_stays_until_that_is_over(scene: Scene) -> None:
    weights = scene.blob("weights to start from")
    start = {"kind": "address", "address": to_cid(weights)}
    first, second = scene.campaign("first", initial=start), scene.campaign("second", initial=start)
    scene.run_on(second)
    (leftover,) = scene.tidier.leftovers(scene.ledger, scene.ledger, OVER, 0)
    assert dict(leftover.needed) == {weights: second}
    assert scene.tidy() == 5
    assert to_cid(weights) in scene.node.kept()
    assert not scene.node.kept() & scene.names(first)
    scene.restart()
    assert scene.tidy() == 0
    scene.change(second, recorded=Status.DELIVERED, settled_at=SETTLED_AT, ends_at=ENDS_AT)
    scene.tidy()
    assert to_cid(weights) not in scene.node.kept()


def test_a_strangers_campaign_keeps_what_it_names(scene: Scene) -> None:
    """By its events, and by its spec where the own nodes keep that."""
    own = scene.campaign("own")
    model, delivery = (scene.ledger.campaigns[own].models[0].address, scene.ledger.campaigns[own].delivery)
    start = {"kind": "address", "address": to_cid(delivery)}
    theirs = scene.campaign("theirs", capsule="0x" + "77" * 20, initial=start)
    scene.change(theirs, models=(Model(model, bytes(32), 0),))
    scene.run_on(theirs)
    assert scene.tidy() == 3
    assert {to_cid(model), to_cid(delivery)} <= scene.node.kept()
    scene.change(theirs, recorded=Status.DELIVERED, settled_at=SETTLED_AT, ends_at=ENDS_AT)
    scene.restart()
    assert scene.tidy() == 2, "the spec that named one of them is gone, and the journal knows it all the same"
    assert not {to_cid(model), to_cid(delivery)} & scene.node.kept()


def test_nothing_goes_while_an_own_running_campaigns_spec_cannot_be_read(scene: Scene) -> None:
    scene.campaign("over")
    running = scene.campaign("running")
    scene.run_on(running)
    scene.node.unpin(scene.ledger.campaigns[running].terms.spec)
    kept = scene.node.kept()
    with pytest.raises(BlobError):
        scene.tidy()
    assert scene.node.kept() == kept


@pytest.mark.parametrize("calls", range(6))
def test_killed_anywhere_it_goes_on(scene: Scene, calls: int) -> None:
    """The spec may be the first to go: what it named is in the journal by then."""
    weights = scene.blob("weights to start from")
    scene.campaign("one", initial={"kind": "address", "address": to_cid(weights)})
    scene.node.dies_after = calls
    with pytest.raises(KilledError):
        scene.tidy()
    scene.node.dies_after = None
    scene.restart()
    assert scene.tidy() == 6 - calls
    assert scene.node.kept() == set()
    assert len(scene.node.unpinned) == 6


def test_bytes_are_counted_before_anything_goes(scene: Scene) -> None:
    campaign = scene.campaign("one")
    (leftover,) = scene.tidier.leftovers(scene.ledger, scene.ledger, OVER, 0)
    on_node = sum(path.stat().st_size for path in (scene.folder / "node").iterdir())
    cached = sum(path.stat().st_size for path in (scene.folder / "cache").iterdir())
    assert (leftover.campaign, scene.tidier.size(leftover)) == (campaign, on_node + cached)


# ------------------------------------------------------------------ the service's part


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def look(upkeep: BlobMaintenance, scene: Scene, now: int = OVER) -> list[Action]:
    return upkeep.look(scene.ledger, lambda: scene.ledger, lambda: now)


def upkeep_of(scene: Scene, after: float | None, clock: Clock | None = None) -> BlobMaintenance:
    return BlobMaintenance(scene.node, scene.tidier, after, clock=clock or Clock())


def test_a_service_keeps_everything_unless_it_is_told_otherwise(scene: Scene) -> None:
    scene.campaign("one")
    assert look(upkeep_of(scene, None), scene, 10 * OVER) == []
    told = look(upkeep_of(scene, 10.0), scene, OVER + 10)
    assert told == [Action("released", None, "5 blobs of Campaigns that are over")]


def test_a_service_lets_go_of_a_bounded_number_at_a_look(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sonar_core.service.blob_maintenance._RELEASED_AT_ONCE", 3)
    scene.campaign("one")
    clock = Clock()
    upkeep = upkeep_of(scene, 0.0, clock)
    counts = []
    for _ in range(3):
        look(upkeep, scene)
        counts.append(len(scene.node.unpinned))
    assert counts == [3, 5, 5]
    scene.campaign("two")
    look(upkeep, scene)
    assert len(scene.node.unpinned) == 5, "it looked not long ago"
    clock.now += 600
    look(upkeep, scene)
    assert len(scene.node.unpinned) == 8


def test_trouble_with_blobs_is_told_and_stops_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.campaign("over")
    running = scene.campaign("running")
    scene.run_on(running)
    scene.node.unpin(scene.ledger.campaigns[running].terms.spec)
    monkeypatch.setattr(scene.node, "replicate_missed", lambda: ReplicationResult(2, 1))
    actions = look(upkeep_of(scene, 0.0), scene)
    assert [action.kind for action in actions] == ["copied", "trouble"]
    assert actions[0].words == "2 blobs to a node that had missed them; 1 are left"
