"""Tells systemd how a service is (sd_notify(3)): ready, alive, stopping. Without systemd it does nothing."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping

from sonar_core.service.observer import Observer, Vitals


class Supervisor(Observer):
    """One datagram for each state, to the socket that systemd names.

    Args:
        address: of the socket, where "@" starts an abstract one; by default that of NOTIFY_SOCKET, which is taken out
            of the environment, so that no program started from here speaks for the service.
    """

    def __init__(self, address: str | None = None) -> None:
        named = os.environ.pop("NOTIFY_SOCKET", "") if address is None else address
        self._address = "\0" + named[1:] if named.startswith("@") else named

    def started(self, facts: Mapping[str, str | int]) -> None:
        self._say("READY=1")

    def stepping(self) -> None:
        self._say("WATCHDOG=1")

    def stepped(self, look: Callable[[], Vitals]) -> None:
        self._say("WATCHDOG=1")

    def stopped(self) -> None:
        self._say("STOPPING=1")

    def _say(self, state: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)
            try:
                sender.sendto(state.encode(), self._address)
            except OSError:
                return  # systemd went away, or is slow: its watchdog decides
