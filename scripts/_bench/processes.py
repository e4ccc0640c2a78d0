"""Processes that run the tasks of one library each."""

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


class ProcessEndedError(RuntimeError):
    """A process ended before it answered.

    Attributes:
        process: its name.
    """

    def __init__(self, process: str) -> None:
        self.process = process
        super().__init__(f"{process} ended before it answered: see its output above")


class TaskProcess:
    """A process that runs `worker.py`."""

    def __init__(self, name: str, process: subprocess.Popen[str]) -> None:
        self.name, self._process = name, process

    def prepare(self, task: str, arguments: Mapping[str, Any]) -> None:
        """Prepares a task and runs it once, so that computations per key are not timed."""
        self._ask({"task": task, "arguments": arguments})

    def time(self) -> float:
        """Seconds of one run of the task that was prepared last."""
        return float(self._ask({})["seconds"])

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """The next answer. Raises ProcessEndedError if there is none."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise ProcessEndedError(self.name)
        return json.loads(line)  # type: ignore[no-any-return]


@contextmanager
def task_process(
    name: str,
    module: str,
    *,
    python: Path | None = None,
    cores: int = 1,
    environment: Mapping[str, str] | None = None,
) -> Iterator[TaskProcess]:
    """Starts a process, which ends with the context.

    Args:
        name: for error messages.
        module: of this package, with the tasks.
        python: interpreter, if not this one.
        cores: number of cores that it may use.
        environment: additional variables.
    """
    command = [python or sys.executable, "-m", "scripts._bench.worker", module, str(cores)]
    # numpy gets one thread as well: its own pool would compete with the task for the core.
    limits = {"OPENBLAS_NUM_THREADS": "1"} if cores == 1 else {}
    variables = {**os.environ, **limits, **(environment or {})}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with ExitStack() as stack:
        process = subprocess.Popen(command, cwd=ROOT, env=variables, **pipes)  # type: ignore[call-overload]
        stack.callback(process.wait)
        stack.callback(process.terminate)
        started = TaskProcess(name, process)
        started.answer()
        yield started


def peers_python() -> Path:
    """The interpreter of the peers' own virtual environment, which is created from the lock if necessary."""
    subprocess.run([ROOT / "scripts" / "_toolchain" / "apart.sh", _PEERS, _LOCK], check=True)
    return _PEERS / "bin" / "python"
