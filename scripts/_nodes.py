"""The IPFS nodes of the live demo: one for the Mines, one for the other parties, and one shared by all."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from scripts._ipfs_node.ipfs_node import running_node
from sonar_core.protocol.content_address import to_cid
from sonar_core.protocol.ledger import CampaignState
from sonar_core.protocol.structs import CampaignStart
from sonar_core.store import open_store


class Nodes:
    """Three real IPFS nodes. The shared one is every party's first choice, so that its death concerns them all.

    Args:
        folder: of the repositories.
        stack: ends the nodes.

    Attributes:
        outside: what SONAR_STORE is for the Capsule and the Data Scientist.
        inside: what it is for the Mines: without the shared node, every blob has to travel between the other two.
    """

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self._shared = stack.enter_context(running_node(folder / "ipfs-shared"))
        public, private = (stack.enter_context(running_node(folder / f"ipfs-{name}")) for name in ("public", "private"))
        private.connect(public)
        self.outside, self.inside = (f"ipfs:{self._shared.api},{own.api}" for own in (public, private))

    def kill_shared(self) -> None:
        """Sends SIGKILL to the shared node."""
        self._shared.kill()

    def restart_shared(self) -> None:
        """Starts the shared node again, with the same blocks and address."""
        repo, api = self._shared.repo, self._shared.api
        self._shared = self._stack.enter_context(running_node(repo, api=api))

    def missing_on_shared(self, addresses: set[bytes]) -> list[str]:
        """CIDs of those blobs that the shared node does not have."""
        store = open_store(f"ipfs:{self._shared.api}")
        return [to_cid(address) for address in sorted(addresses) if not store.has(address)]


def addresses_of(campaign: CampaignState) -> set[bytes]:
    """Content addresses of a Campaign's blobs on chain, except the Capsule's keyring."""
    start = campaign.start
    assert isinstance(start, CampaignStart)
    found = {campaign.terms.spec, campaign.terms.validation, start.public_key, campaign.delivery}
    found |= {model.address for model in campaign.models}
    for gradient in campaign.gradients.values():
        found |= {gradient.record.bundle, gradient.score.unsealed_bundle if gradient.score else b""}
    return found - {b""}
