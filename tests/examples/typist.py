"""A person at a terminal: runs commands in a pseudo terminal, says yes, and types the passphrase that is asked for."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import struct
import subprocess
import termios
import threading
from pathlib import Path

from scripts._processes import BIN, ROOT, until

_QUESTION = re.compile(r"\[y/N\]:? ?$")
_PASSPHRASE = re.compile(r"passphrase[^\n]*: ?$", re.IGNORECASE)
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Command:
    """One command in a terminal of 80 x 24, started at once.

    Args:
        text: what is typed, for bash.
        environment: file that the shell sources, and the name behind it.
        passphrase: typed if one is asked for.
    """

    def __init__(self, text: str, environment: tuple[Path, str], passphrase: str = "") -> None:
        self.text, self._passphrase = text, passphrase
        own, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        file, name = environment
        self._process = subprocess.Popen(
            ["bash", "-c", f"source {file} {name}; exec {text}"],
            cwd=ROOT,
            env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "TERM": "xterm"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self._terminal, self._seen, self._answered = own, "", 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        """All that the terminal has shown so far, without its colours."""
        return _COLOURS.sub("", self._seen).replace("\r\n", "\n")

    def finish(self, seconds: float = 600) -> str:
        """Waits for the end, and gives the output. Raises AssertionError unless the exit status is 0."""
        status = self._process.wait(timeout=seconds)
        self._reader.join(timeout=10)
        assert status == 0, f"{self.text}: exit status {status}\n{self.output}"
        return self.output

    def require_alive(self) -> None:
        """Raises AssertionError with the output if a command that has to last has ended."""
        assert self._process.poll() is None, f"{self.text}: ended\n{self.output}"

    def interrupt(self) -> str:
        """Ctrl-C."""
        self._process.send_signal(signal.SIGINT)
        return self.finish(seconds=120)

    def kill(self) -> None:
        """For the end of a test that failed: nothing is left running."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def wait_for(self, text: str, seconds: float) -> None:
        """Waits until the terminal shows it."""

        def shown() -> bool:
            self.require_alive()
            return text in self.output

        until(shown, f"{self.text} shows {text!r}", seconds=seconds)

    def _read(self) -> None:
        with open(self._terminal, "rb", buffering=0) as terminal:
            while True:
                try:
                    data = terminal.read(4096)
                except OSError:  # the other end is closed: Linux says EIO
                    return
                self._seen += data.decode(errors="replace")
                self._answer()

    def _answer(self) -> None:
        """Answers the question that the terminal ends with, once: its last space may come by itself."""
        asked = self.output[self._answered :]
        if _QUESTION.search(asked):
            answer = "y"
        elif _PASSPHRASE.search(asked):
            # What is typed before the echo is off is thrown away.
            until(self._echo_is_off, "the terminal hides what is typed", seconds=120, interval=0.02)
            answer = self._passphrase
        else:
            return
        self._answered = len(self.output)
        os.write(self._terminal, f"{answer}\n".encode())

    def _echo_is_off(self) -> bool:
        return not termios.tcgetattr(self._terminal)[3] & termios.ECHO
