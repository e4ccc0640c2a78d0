"""A Capsule as a process of its own, on a node of its own, as systemd would run it: ready, watched, hung, stopped."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from web3 import Web3

from ape_capsule.keys.openpgp_identity import Identity
from scripts._processes import BIN, NETWORK, ROOT, anvil, until
from sonar_core.chain.bytecode import registry_code, sonar_code
from sonar_core.crypto.vault import LOWEST_COST

pytestmark = pytest.mark.chain

PASSPHRASE = "nobody guesses this"
#: A step that takes longer counts as hung.
_SETTINGS = "\nsonar: {patience: 1.5, poll_interval: 0.2}\n"


@dataclass
class Service:
    process: subprocess.Popen[bytes]
    log: Path
    url: str
    told: socket.socket

    def status(self, page: str) -> int:
        return requests.get(f"{self.url}/{page}", timeout=20).status_code

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]


def deployed(url: str) -> str:
    """Sonar on a fresh node: its address."""
    eth = Web3(Web3.HTTPProvider(url)).eth

    def create(code: bytes) -> str:
        sent = eth.send_transaction({"from": eth.accounts[0], "data": code, "gas": 8_000_000})
        return str(eth.wait_for_transaction_receipt(sent, poll_latency=0.05)["contractAddress"])

    return create(sonar_code(create(registry_code())))


@contextmanager
def node(folder: Path) -> Iterator[tuple[str, int]]:
    """An anvil; its URL and process id."""
    with (folder / "anvil.log").open("wb") as log, anvil(log) as url:
        port = url.rpartition(":")[2]
        found = subprocess.run(["pgrep", "-f", f"anvil .*--port {port} "], capture_output=True, text=True, check=True)
        yield url, int(found.stdout.split()[0])


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Service, int]]:
    """A running Capsule, and its node's process id."""
    with ExitStack() as stack:
        url, anvil_id = stack.enter_context(node(tmp_path))
        (tmp_path / "ape-config.yaml").write_text((ROOT / "ape-config.yaml").read_text() + _SETTINGS)
        Identity.create(tmp_path / "home" / "capsule", "Capsule", PASSPHRASE, cost=LOWEST_COST)
        told = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        told.bind(str(tmp_path / "notify"))
        told.settimeout(120)
        environment = {
            **os.environ,
            "DEVNET_RPC": url,
            "SONAR_HOME": str(tmp_path / "home"),
            "SONAR_CAPSULE_PASSPHRASE": PASSPHRASE,
            "NOTIFY_SOCKET": str(tmp_path / "notify"),
        }
        place = ["--network", NETWORK, "--account", "TEST::2", "--sonar", deployed(url)]
        command = [BIN / "ape", "capsule", "run", *place, "--log", "json", "--metrics", "127.0.0.1:0"]
        log = tmp_path / "log"
        with log.open("wb") as stream:
            process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=stream, stderr=stream)
        stack.callback(process.wait)
        stack.callback(process.kill)
        # A node that a test has stopped would not end either.
        stack.callback(os.kill, anvil_id, signal.SIGCONT)
        assert told.recv(100) == b"READY=1", log.read_text()
        line = next(line for line in log.read_text().splitlines() if line.startswith("Metrics and health: "))
        yield Service(process, log, line.split()[3].removesuffix("/metrics,"), told), anvil_id


def test_a_service_that_is_ready_hangs_and_is_stopped(running: tuple[Service, int]) -> None:
    service, anvil_id = running
    assert service.told.recv(100) == b"WATCHDOG=1"
    until(lambda: service.status("readyz") == 200, "it is ready", seconds=60)
    assert "sonar_chain_head_block 2.0" in requests.get(f"{service.url}/metrics", timeout=20).text

    os.kill(anvil_id, signal.SIGSTOP)
    until(lambda: service.status("healthz") == 503, "a loop that hangs is told", seconds=60)
    assert service.status("readyz") == 503
    os.kill(anvil_id, signal.SIGCONT)
    until(lambda: service.status("healthz") == 200, "the loop moves again", seconds=60)

    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(timeout=60) == 0
    names = [event["event"] for event in service.events()]
    assert (names[0], names[-1]) == ("started", "stopped")
    assert PASSPHRASE not in service.log.read_text()
