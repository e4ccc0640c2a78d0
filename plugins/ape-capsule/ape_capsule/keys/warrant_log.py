"""The warrant log: what was decrypted, and the transaction that warranted it.

A Capsule is no decryption service. It decrypts only ciphertexts that a Campaign of its own registered
on chain, in order and once, and says so here, in a file that only grows, before it uses the result.
Each line is canonical JSON (RFC 8785) and carries the digest of the line before it, so that a line
changed, lost or put in between shows. (Lines cut from the end show only against the chain: every
Gradient that was scored there has its warrant.)
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile
from pathlib import Path
from typing import Any

import rfc8785

from ape_capsule.errors import WarrantLogCorruptError, WarrantRefusedError
from sonar_core.base.atomic_files import sync_folder
from sonar_core.protocol.structs import EMPTY_BYTES32


class Kind(StrEnum):
    """What kind of ciphertexts a warrant is for."""

    GRADIENT = "gradient"
    MODEL = "model"
    REWOUND = "rewound"


@dataclass(frozen=True, slots=True)
class Warrant:
    """One decryption.

    number: a Gradient's place in the queue, a Model's version, or the first block that a reorganisation
    took back. root: Merkle root of the ciphertexts. transaction: hash of the one that registered them
    on chain. 32 bytes each.
    """

    campaign: bytes
    kind: Kind
    number: int
    root: bytes
    transaction: bytes

    def __str__(self) -> str:
        return f"{self.kind.value} {self.number}"


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the log: a warrant, when it was granted (seconds since 1970), and the line's digest (32 bytes)."""

    warrant: Warrant
    granted_at: int
    digest: bytes


class WarrantLog:
    """Appends warrants; one writer at a time (the Capsule's home is locked by its state).

    Raises WarrantLogCorruptError where a line does not follow from the one before it. A last line
    without its end is what a crash leaves: it was never acted on, and is taken away.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        _cut_torn_line(path)
        self._entries = list(read(path))

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Everything granted so far, oldest first."""
        return tuple(self._entries)

    def grant(self, warrant: Warrant, now: int) -> Entry:
        """Writes the warrant, durably, and returns its line: only then may the ciphertexts be decrypted.

        The newest warrant again is the same decryption, interrupted by a crash: it gets the line that
        it has. Raises WarrantRefusedError for a number before the newest, and for other ciphertexts
        under the newest.
        """
        granted = self._granted(warrant.campaign, warrant.kind)
        if granted and granted[0].warrant == warrant:
            return granted[0]
        if granted and warrant.number <= granted[0].warrant.number:
            raise WarrantRefusedError(warrant.campaign, str(warrant), f"{granted[0].warrant} was decrypted before")
        return self._write(warrant, now)

    def newest(self, campaign: bytes, kind: Kind) -> Warrant | None:
        """The last warrant of this kind since the last reorganisation, if there is one."""
        granted = self._granted(campaign, kind)
        return granted[0].warrant if granted else None

    def rewound(self, campaign: bytes, block: int, now: int) -> Entry:
        """Writes that the chain, looked at in this block, took back what the newest warrant of a Campaign names.

        It may be registered anew, in another order: from here on the Campaign's order counts afresh.
        """
        return self._write(Warrant(campaign, Kind.REWOUND, block, EMPTY_BYTES32, EMPTY_BYTES32), now)

    def _granted(self, campaign: bytes, kind: Kind) -> list[Entry]:
        """Newest first, since the last reorganisation."""
        own = (entry for entry in reversed(self._entries) if entry.warrant.campaign == campaign)
        since = takewhile(lambda entry: entry.warrant.kind is not Kind.REWOUND, own)
        return [entry for entry in since if entry.warrant.kind is kind]

    def _write(self, warrant: Warrant, now: int) -> Entry:
        line, entry = _line(warrant, now, self._entries[-1].digest if self._entries else EMPTY_BYTES32)
        _append(self._path, line)
        self._entries.append(entry)
        return entry


def read(path: Path) -> Iterator[Entry]:
    """The entries of a warrant log, each checked against the one before it; none when there is no file.

    A last line without its end was never acted on: it is being written, or a crash left it. Raises
    WarrantLogCorruptError with the line's number.
    """
    if not path.exists():
        return
    previous = EMPTY_BYTES32
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.endswith(b"\n"):
                return
            entry = _parse(path, number, line, previous)
            yield entry
            previous = entry.digest


def _line(warrant: Warrant, now: int, previous: bytes) -> tuple[bytes, Entry]:
    text = rfc8785.dumps(
        {
            "campaign": warrant.campaign.hex(),
            "granted_at": now,
            "kind": warrant.kind.value,
            "number": warrant.number,
            "previous": previous.hex(),
            "root": warrant.root.hex(),
            "transaction": warrant.transaction.hex(),
        }
    )
    return text + b"\n", Entry(warrant, now, hashlib.sha256(text).digest())


def _parse(path: Path, number: int, line: bytes, previous: bytes) -> Entry:
    try:
        fields: dict[str, Any] = json.loads(line)
        warrant = Warrant(
            campaign=bytes.fromhex(fields["campaign"]),
            kind=Kind(fields["kind"]),
            number=int(fields["number"]),
            root=bytes.fromhex(fields["root"]),
            transaction=bytes.fromhex(fields["transaction"]),
        )
        expected, entry = _line(warrant, int(fields["granted_at"]), previous)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise WarrantLogCorruptError(path, number, f"not a warrant ({error!r})") from error
    if line != expected:
        raise WarrantLogCorruptError(path, number, "does not follow from the line before it")
    return entry


def _cut_torn_line(path: Path) -> None:
    if not path.exists():
        return
    with path.open("r+b") as log:
        content = log.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            log.truncate(whole)
            os.fsync(log.fileno())


def _append(path: Path, line: bytes) -> None:
    created = not path.exists()
    with path.open("ab", buffering=0) as log:
        end = log.tell()
        try:
            if log.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            os.fsync(log.fileno())
        except OSError:
            log.truncate(end)
            raise
    if created:
        sync_folder(path.parent)
