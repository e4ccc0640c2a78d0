"""`make chain`: it lasts, goes on after a restart, and needs nothing but its environment to be used."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from scripts._local_chain import NAMES, SYMBOL
from scripts._processes import BIN, NETWORK, ROOT, free_port, until

pytestmark = pytest.mark.chain


@contextmanager
def running(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """`ape run chain` from its first line to Ctrl-C."""
    process = subprocess.Popen(
        [BIN / "ape", "run", "chain", "--folder", str(folder), "--port", str(free_port())],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        until(
            lambda: (folder / "environment").exists() or process.poll() is not None, "the chain is ready", seconds=300
        )
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


def shell(folder: Path, name: str, command: str) -> str:
    """A command of a person's who has sourced the environment."""
    done = subprocess.run(
        ["bash", "-c", f"source {folder / 'environment'} {name} && {command}"],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def call(folder: Path, method: str, *parameters: str) -> str:
    url = shell(folder, "", "echo $DEVNET_RPC").strip()
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(parameters)}
    return str(requests.post(url, json=request, timeout=20).json()["result"])


def test_a_chain_is_ready_for_use_and_outlives_its_process(tmp_path: Path) -> None:
    folder = tmp_path / "chain"
    with running(folder) as first:
        listed = shell(folder, "alice", "ape accounts list")
        assert all(name in listed for name in NAMES)
        assert str(folder / "homes" / "alice") in shell(folder, "alice", "echo $SONAR_HOME")
        assert "Sonar 0x" in shell(folder, "alice", f"ape sonar verify --network {NETWORK}")
        second = subprocess.run(
            [BIN / "ape", "run", "chain", "--folder", str(folder)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert second.returncode == 1
        assert "runs in" in second.stderr
        assert "already" in second.stderr
        settings, blocks = (folder / "ape" / "ape-config.yaml").read_text(), int(call(folder, "eth_blockNumber"), 16)
        assert SYMBOL in settings
        until(lambda: int(call(folder, "eth_blockNumber"), 16) > blocks, "a block comes by itself", seconds=30)
    assert first.stdout is not None
    said = first.stdout.read()
    assert all(len(line) <= 80 for line in said.replace(str(folder), ".chain").splitlines())
    assert "its state is kept" in said
    assert not (folder / "environment").exists()
    assert first.returncode == 0

    with running(folder):
        assert int(call(folder, "eth_blockNumber"), 16) >= blocks
        assert (folder / "ape" / "ape-config.yaml").read_text() == settings, "the same token and Capsule"
