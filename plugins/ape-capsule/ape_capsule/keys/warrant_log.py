"""The warrant log: which ciphertexts were decrypted, and which transaction warranted it.

A Capsule is no decryption service. It decrypts only ciphertexts that a Campaign of its own registered on chain, in
order and once, and writes so here, in a file that only grows, before it uses the result. Each line is canonical JSON
(RFC 8785), names its chain and carries the SHA-256 digest of the line before it, so that a line that is changed, lost
or inserted shows. Lines cut off the end show only against the chain, where every scored Gradient needs its warrant.
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
    """The kind of ciphertexts that a warrant is for; `REWOUND` marks a reorganisation."""

    GRADIENT = "gradient"
    MODEL = "model"
    REWOUND = "rewound"


@dataclass(frozen=True, slots=True)
class ChainRef:
    """One Sonar contract on one chain. A development chain that starts anew keeps its id and gets another genesis.

    Attributes:
        chain_id: EIP-155 chain id.
        genesis: hash of block 0, 32 bytes.
        contract: Sonar's address.
    """

    chain_id: int
    genesis: bytes
    contract: str

    def __str__(self) -> str:
        return f"chain {self.chain_id} with genesis 0x{self.genesis.hex()} and Sonar {self.contract}"


@dataclass(frozen=True, slots=True)
class Warrant:
    """The warrant for one decryption.

    Attributes:
        campaign: id, 32 bytes.
        kind: of the ciphertexts.
        number: of the Gradient; the Model's version; or the block in which a reorganisation was noticed.
        root: Merkle root of the ciphertexts, 32 bytes.
        transaction: hash of the transaction that registered them, 32 bytes.
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
    """A line of the log.

    Attributes:
        warrant: what it grants.
        granted_at: the chain's time, Unix seconds.
        chain: where the warrant's transaction is; None in lines of before chains were named.
        digest: SHA-256 of the line, 32 bytes.
    """

    warrant: Warrant
    granted_at: int
    chain: ChainRef | None
    digest: bytes


class WarrantLog:
    """Appends warrants. One writer at a time: the lock on the Capsule's home sees to it.

    A last line without its end is left by a crash; nothing was decrypted on it, and it is cut off.

    Args:
        path: of the file; it is made with the first warrant.
        chain: of the warrants to come.

    Raises:
        WarrantLogCorruptError: a line does not follow from the line before it.
    """

    def __init__(self, path: Path, chain: ChainRef) -> None:
        self._path, self._chain = path, chain
        _cut_torn_line(path)
        self._entries = list(read(path))

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All lines, oldest first."""
        return tuple(self._entries)

    def grant(self, warrant: Warrant, now: int) -> Entry:
        """Writes a warrant durably and returns its line; only then may the ciphertexts be decrypted.

        The newest warrant again is the same decryption, which a crash cut short: it keeps its line.

        Raises:
            WarrantRefusedError: the number is below the newest one, or other ciphertexts have this number.
            OSError: nothing was written.
        """
        granted = self._granted(warrant.campaign, warrant.kind)
        if granted and granted[0].warrant == warrant:
            return granted[0]
        if granted and warrant.number <= granted[0].warrant.number:
            raise WarrantRefusedError(warrant.campaign, str(warrant), f"{granted[0].warrant} was decrypted before")
        return self._write(warrant, now)

    def newest(self, campaign: bytes, kind: Kind) -> Warrant | None:
        """The newest warrant of a kind on this chain since the last reorganisation, if any."""
        granted = self._granted(campaign, kind)
        return granted[0].warrant if granted else None

    def rewound(self, campaign: bytes, block: int, now: int) -> Entry:
        """Records that a reorganisation took back the transaction of a Campaign's newest warrant.

        The ciphertexts may be registered anew in another order, so the Campaign's order starts afresh from here.

        Args:
            campaign: id.
            block: the newest block when it was noticed.
            now: the chain's time, Unix seconds.
        """
        return self._write(Warrant(campaign, Kind.REWOUND, block, EMPTY_BYTES32, EMPTY_BYTES32), now)

    def _granted(self, campaign: bytes, kind: Kind) -> list[Entry]:
        """A Campaign's warrants of a kind on this chain since the last reorganisation, newest first."""
        here = (None, self._chain)
        own = (entry for entry in reversed(self._entries) if entry.warrant.campaign == campaign and entry.chain in here)
        since = takewhile(lambda entry: entry.warrant.kind is not Kind.REWOUND, own)
        return [entry for entry in since if entry.warrant.kind is kind]

    def _write(self, warrant: Warrant, now: int) -> Entry:
        previous = self._entries[-1].digest if self._entries else EMPTY_BYTES32
        line, entry = _line(warrant, now, self._chain, previous)
        _append(self._path, line)
        self._entries.append(entry)
        return entry


def read(path: Path) -> Iterator[Entry]:
    """The lines of a warrant log, each checked against the line before it; none if there is no file.

    A last line without its end is skipped: it is being written, or a crash left it.

    Raises:
        WarrantLogCorruptError: a line does not follow; the error has its number.
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


def _line(warrant: Warrant, now: int, chain: ChainRef | None, previous: bytes) -> tuple[bytes, Entry]:
    fields: dict[str, Any] = {
        "campaign": warrant.campaign.hex(),
        "granted_at": now,
        "kind": warrant.kind.value,
        "number": warrant.number,
        "previous": previous.hex(),
        "root": warrant.root.hex(),
        "transaction": warrant.transaction.hex(),
    }
    if chain is not None:
        fields |= {"chain_id": chain.chain_id, "contract": chain.contract, "genesis": chain.genesis.hex()}
    text = rfc8785.dumps(fields)
    return text + b"\n", Entry(warrant, now, chain, hashlib.sha256(text).digest())


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
        chain = None
        if "genesis" in fields:
            chain = ChainRef(int(fields["chain_id"]), bytes.fromhex(fields["genesis"]), str(fields["contract"]))
        expected, entry = _line(warrant, int(fields["granted_at"]), chain, previous)
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
