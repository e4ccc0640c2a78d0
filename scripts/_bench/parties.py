"""The processes that are compared, side by side in one tree."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
_PEERS = ROOT / ".build" / "bench-peers"
_LOCK = Path(__file__).with_name("peers.lock")


class PartyError(RuntimeError):
    """A party's process ended, or answered what is no answer; `party` names it."""

    def __init__(self, party: str) -> None:
        self.party = party
        super().__init__(f"{party} ended before it answered: see what it wrote above")


class Party:
    """One process with its tasks."""

    def __init__(self, name: str, process: subprocess.Popen[str]) -> None:
        self.name, self._process = name, process

    def prepare(self, task: str, of: Mapping[str, Any]) -> None:
        """Makes it ready, and lets it run once: what is made once a key is made now."""
        self._ask({"task": task, "of": of})

    def time(self) -> float:
        """Seconds that what was prepared last takes."""
        return float(self._ask({})["seconds"])

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """The next line it says. Raises PartyError when there is none."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise PartyError(self.name)
        return json.loads(line)  # type: ignore[no-any-return]


@contextmanager
def party(name: str, module: str, *, python: Path | None = None, cores: int = 1, **environment: str) -> Iterator[Party]:
    """Starts one; it ends with the block."""
    command = [python or sys.executable, "-m", "scripts._bench.worker", module, str(cores)]
    # One thread in numpy as well: its own pool would share the core with the peer's.
    environment |= {"OPENBLAS_NUM_THREADS": "1"} if cores == 1 else {}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with ExitStack() as stack:
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, **pipes)  # type: ignore[call-overload]
        stack.callback(process.wait)
        stack.callback(process.terminate)
        one = Party(name, process)
        one.answer()
        yield one


def peers_python() -> Path:
    """The peers' environment, apart from the product's: made by the lock, once."""
    subprocess.run([ROOT / "scripts" / "_toolchain" / "apart.sh", _PEERS, _LOCK], check=True)
    return _PEERS / "bin" / "python"
