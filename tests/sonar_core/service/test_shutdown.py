"""How a service ends, in real processes: asked once, asked twice, and too late."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import IO

import pytest

from sonar_core.service.shutdown import EXIT_LATE, EXIT_SIGNALLED

#: Says "ready", works until asked to end (and, as told, for ever or for a while after that), and says how it ended.
_SERVICE = """
import hashlib, sys, time
from sonar_core.service.shutdown import until_asked_to_end
within, then = float(sys.argv[1]), sys.argv[2]
with until_asked_to_end(within) as stop:
    print("ready", flush=True)
    stop.wait()
    print("asked", flush=True)
    if then == "hang":
        time.sleep(60)
    if then == "compute":
        hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)  # one call in C that no handler of Python's interrupts
print("finished", flush=True)
"""


@pytest.fixture
def service():
    started: list[subprocess.Popen[str]] = []

    def start(within: float, then: str) -> tuple[subprocess.Popen[str], IO[str]]:
        command = [sys.executable, "-c", _SERVICE, str(within), then]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process, process.stdout

    yield start
    for process in started:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_once_it_finishes_what_is_under_way(service, number: int) -> None:
    process, said = service(60, "finish")
    process.send_signal(number)
    assert said.read() == "asked\nfinished\n"
    assert process.wait(timeout=30) == 0


@pytest.mark.parametrize("then", ["hang", "compute"])
def test_asked_twice_it_ends_at_once(service, then: str) -> None:
    process, said = service(60, then)
    process.send_signal(signal.SIGTERM)
    assert said.readline() == "asked\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == EXIT_SIGNALLED + signal.SIGTERM
    assert said.read() == ""


@pytest.mark.parametrize("then", ["hang", "compute"])
def test_what_takes_too_long_is_left(service, then: str) -> None:
    process, said = service(0.05, then)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == EXIT_LATE
    assert said.read() in ("asked\n", "")
