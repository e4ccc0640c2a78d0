"""A Campaign from its creation to the last payment on two real IPFS nodes, of which one is faulty until the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from ipfs_node import IpfsNode, running_node
from moody_proxy import Mood, moody_proxy

from ape_capsule.home.paths import STATE_FILE
from ape_capsule.home.state import CapsuleJournal
from ape_capsule.loop import Capsule
from sonar_core.service.blob_retention import blobs_on_chain
from sonar_core.store import open_store
from sonar_core.store.replicated import ReplicatedStore
from sonar_core.store.replication_backlog import Backlog
from tests.world.capsule import CAPSULE_TERMS, World, kinds

pytestmark = pytest.mark.chain


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[IpfsNode, IpfsNode]]:
    folder = tmp_path_factory.mktemp("ipfs")
    with running_node(folder / "one") as one, running_node(folder / "other") as other:
        yield one, other


def moves(oracle: Capsule) -> list[str]:
    """What a look moved in the Campaign; one that lies of what it has takes what is copied to it all the while."""
    return [kind for kind in kinds(oracle.step()) if kind != "copied"]


@pytest.mark.parametrize("mood", [Mood.SLOW, Mood.LYING, Mood.FULL])
def test_a_campaign_comes_to_its_end(world: World, nodes: tuple[IpfsNode, IpfsNode], mood: Mood) -> None:
    now = 0.0
    with moody_proxy(nodes[0].api) as proxy, closing(CapsuleJournal(world.home / STATE_FILE)) as state:
        proxy.mood = mood
        faulty = open_store(f"ipfs:{proxy.api}", timeout=1.5)
        well = open_store(f"ipfs:{nodes[1].api}")
        backlog = Backlog(state.database)
        world.store = ReplicatedStore((faulty, well), backlog=backlog, clock=lambda: now)  # type: ignore[assignment]
        world.announce(CAPSULE_TERMS)
        campaign, oracle = world.create(), world.oracle()
        assert moves(oracle) == ["opened"]
        world.submit_gradient(campaign, world.gradient(campaign, 11))
        assert moves(oracle) == ["scored"]
        world.until_end(campaign)
        assert moves(oracle) == ["delivered"]
        assert moves(oracle) == ["collected", "collected"]

        blobs = blobs_on_chain(world.state(campaign))
        assert len(blobs) == 8
        assert all(map(well.has, blobs))
        proxy.mood, now = Mood.HONEST, 1_000.0
        while kinds(oracle.step()) == ["copied"]:
            pass
        assert all(map(faulty.has, blobs))
        oracle.close()
