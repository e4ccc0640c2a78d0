"""A real IPFS node of its own for a test, or for a play on one machine: see node.mjs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

_SCRIPT = Path(__file__).with_name("node.mjs")
#: Runs a command whose last argument is a folder that is a small disk, in namespaces of its own: no root is needed.
_ON_A_DISK = ("unshare", "--map-root-user", "--mount", "sh", "-c")
_MOUNT = 'mount -t tmpfs -o size="$0" tmpfs "$3" && exec "$@"'


@dataclass(frozen=True, slots=True)
class IpfsNode:
    """A running node: the multiaddr of its RPC API and those where other nodes reach it."""

    api: str
    id: str
    swarm: tuple[str, ...]
    process: subprocess.Popen[str]
    repo: Path

    def connect(self, other: IpfsNode) -> None:
        """Makes this node dial the other; raises requests.HTTPError when it cannot."""
        port = self.api.rsplit("/", 1)[-1]
        url = f"http://127.0.0.1:{port}/api/v0/swarm/connect"
        requests.post(url, params={"arg": other.swarm[0]}, timeout=30).raise_for_status()

    def kill(self) -> None:
        """SIGKILL: nothing is finished, nothing is said. `running_node` with the same repository is the node again."""
        self.process.kill()
        self.process.wait()
        # This node keeps its lock in a folder, which stays; Kubo's goes with the process.
        shutil.rmtree(self.repo / "repo.lock", ignore_errors=True)


@contextmanager
def running_node(repo: Path, *, api: str | None = None, disk: int | None = None) -> Iterator[IpfsNode]:
    """Starts a node with its blocks in `repo`, and ends it with the context.

    Args:
        repo: made when missing; that of a node that was killed makes it go on.
        api: multiaddr of its RPC API; a free port by default.
        disk: bytes of a disk that it has for itself, where `has_small_disks`; what is on it goes with the node.
    """
    command = [_node_command(), _SCRIPT, repo, *([api] if api else [])]
    if disk:
        repo.mkdir(parents=True)
        command = [*_ON_A_DISK, _MOUNT, str(disk), *command]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        ready = process.stdout.readline()
        if not ready:
            raise RuntimeError(f"the IPFS node ended with status {process.wait()}; run `make setup`")
        facts = json.loads(ready)
        yield IpfsNode(facts["api"], facts["id"], tuple(facts["swarm"]), process, repo)
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def has_small_disks() -> bool:
    """Whether this machine lets anybody mount a tmpfs in a namespace: a node's disk can really be full then."""
    command = [*_ON_A_DISK, 'mount -t tmpfs tmpfs "$0"', _SCRIPT.parent]
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def _node_command() -> str:
    """The environment's node before the machine's."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    node = shutil.which("node", path=path)
    if node is None:
        raise RuntimeError("no node on PATH; run `make setup`")
    return node
