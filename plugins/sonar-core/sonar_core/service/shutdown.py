"""Shutdown on SIGINT and SIGTERM: the turn under way is finished within a time limit; a second signal ends at once.

Ending at once is as safe as a power cut: the journals are made for it.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event as Flag
from threading import Thread

#: Exit status of a service that was asked to end and did not get there in time (EX_TEMPFAIL of sysexits.h).
EXIT_LATE = 75
#: Added to a signal's number, as shells do: the exit status of a service that was asked to end twice.
EXIT_SIGNALLED = 128
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def until_asked_to_end(within: float) -> Iterator[Flag]:
    """A flag that SIGINT and SIGTERM set, so that what is under way is finished first. In the main thread only.

    A thread of its own listens, so that computing in C, or waiting for the network, delays nothing.

    Args:
        within: seconds, from the first signal on, in which the block must end; else the process exits with EXIT_LATE.
            At a second signal it exits with EXIT_SIGNALLED and the signal's number.
    """
    stop = Flag()
    mine, theirs = socket.socketpair()
    # The interpreter writes a byte for each signal, from C; it must never wait for that.
    theirs.setblocking(False)
    former_descriptor = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    # A handler in Python must be there for the byte to be written.
    former = {number: signal.signal(number, lambda *_: None) for number in _SIGNALS}
    listener = Thread(target=_listen, args=(mine, stop, within), name="signals", daemon=True)
    listener.start()
    try:
        yield stop
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(former_descriptor)
        theirs.close()
        listener.join()
        mine.close()


def _listen(signals: socket.socket, stop: Flag, within: float) -> None:
    """Waits for the first signal, then for the second one; ends when the other end is closed."""
    if _next(signals) is None:
        return
    stop.set()
    signals.settimeout(within)
    try:
        second = _next(signals)
    except TimeoutError:
        os._exit(EXIT_LATE)
    if second is not None:
        os._exit(EXIT_SIGNALLED + second)


def _next(signals: socket.socket) -> int | None:
    """The number of the next signal that asks to end; None at the end. Others are passed over."""
    while received := signals.recv(1):
        if received[0] in _SIGNALS:
            return received[0]
    return None
