"""Processes that scripts and tests start, kill and stop: anvil, `ape` commands, and services."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import requests

from sonar_core.base.errors import SonarError

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
NETWORK = "ethereum:devnet:node"
CHAIN_ID = 424242


class LiveError(SonarError, RuntimeError):
    """A process did not start, ended by itself, or was too slow."""


class Party:
    """One process that can be killed and started again; its output goes to a log file.

    Args:
        name: for people and for the log's name.
        command: to run, from the project's root.
        environment: on top of this process's own.
        logs: folder of the log files.
    """

    def __init__(self, name: str, command: list[str], environment: dict[str, str], logs: Path) -> None:
        self.name = name
        self._command, self._environment = command, {**os.environ, **environment}
        self._log = logs / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    @property
    def number(self) -> int:
        """Process id; the party must have been started."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """Sends SIGKILL, and waits."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Sends SIGTERM, and waits; after a minute SIGKILL."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.kill()

    def require_alive(self) -> None:
        """Raises LiveError with the end of the log if the process has ended."""
        if self._process is not None and self._process.poll() is not None:
            tail = self._log.read_text(errors="replace").splitlines()[-3:]
            raise LiveError(f"{self.name} ended with status {self._process.returncode}: {' | '.join(tail)}")


@contextmanager
def anvil(
    log: IO[bytes], *, chain_id: int = CHAIN_ID, port: int | None = None, options: tuple[str, ...] = ()
) -> Iterator[str]:
    """An anvil node on the loopback interface; gives its URL, and stops it as Ctrl-C does.

    Args:
        log: receives its output.
        chain_id: of the chain.
        port: None for a free one.
        options: more of anvil's own.

    Raises:
        LiveError: it does not answer, for instance because the port is taken.
    """
    port = port or free_port()
    command = [BIN / "anvil", "--host", "127.0.0.1", "--port", str(port), "--chain-id", str(chain_id)]
    # In a session of its own: a Ctrl-C in the terminal is for this process, which stops anvil last.
    process = subprocess.Popen(
        [*command, "--hardfork", "prague", "--silent", *options], stdout=log, stderr=log, start_new_session=True
    )
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: process.poll() is not None or _answers(url), "anvil answers", seconds=30)
        if process.poll() is not None:
            raise LiveError(f"anvil ended with status {process.returncode}: is port {port} taken?")
        yield url
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def free_port(wanted: int = 0) -> int:
    """The wanted port of the loopback interface if nobody listens on it, else any free one."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return free_port()
        return int(probe.getsockname()[1])


def ape(arguments: list[str], environment: dict[str, str]) -> str:
    """Runs `ape ...` to its end and returns its standard output. Raises LiveError if the exit status is not 0."""
    done = subprocess.run(
        [BIN / "ape", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode:
        raise LiveError(f"ape {' '.join(arguments[:3])} failed: {(done.stderr or done.stdout).strip()[-400:]}")
    return done.stdout


def until(condition: Callable[[], bool], what: str, *, seconds: float, interval: float = 0.2) -> None:
    """Waits until the condition holds. Raises LiveError after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise LiveError(f"waited {seconds:.0f} s in vain until {what}")
        time.sleep(interval)


def _answers(url: str) -> bool:
    request = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}
    try:
        return requests.post(url, json=request, timeout=2).ok
    except requests.RequestException:
        return False
