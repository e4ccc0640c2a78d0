"""What `ape capsule doctor` and `ape mine doctor` share: checks of node, contracts, store, account, disk and home.

Each finding says how it is, and what to do where it is not well. Nothing is changed, unless a tiny blob is asked for
to try the store with.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from time import time as unix_time
from typing import Any

import click
from ape.api import AccountAPI, ProviderAPI
from ape.cli import ConnectedProviderCommand
from ape.cli.commands import parse_network
from ape.exceptions import ApeException
from ape_accounts import KeyfileAccount

from sonar_core.app.connection import Connection
from sonar_core.base.database import find_damage, open_to_read
from sonar_core.base.errors import SonarError, one_line
from sonar_core.chain.contracts import SonarContracts
from sonar_core.chain.deploy.code_verification import verify
from sonar_core.chain.errors import readable
from sonar_core.protocol.units import COIN, format_money
from sonar_core.service.clock_skew import seconds_behind
from sonar_core.store import open_store
from syft.errors import SyftError

#: Seconds of the newest block's age that are no cause for alarm.
_MOST_AGE = 600
#: Gas of a dear transaction of Sonar's, and for how many of them an account should have funds.
_GAS, _TRANSACTIONS = 500_000, 20
#: Bytes free on the home's disk.
_LEAST_SPACE, _LITTLE_SPACE = 256 << 20, 5 << 30
#: Seconds for each call to the store.
_STORE_PATIENCE = 20.0
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Grade(StrEnum):
    """How something is: as it should be, likely to become a trouble, or in the way of the service."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    Attributes:
        check: one word or two.
        grade: how it is.
        words: what was found.
        remedy: what to do; empty where nothing is, or where the words say it.
    """

    check: str
    grade: Grade
    words: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.grade:4}  {self.check:12}  {self.words}" + (f": {self.remedy}" if self.remedy else "")


Check = Callable[[], Iterable[Finding]]


def examine(checks: Iterable[tuple[str, Check]]) -> Iterator[Finding]:
    """Runs one check after the other. An error that a check raises is its finding; a repeated one is referred to."""
    raised: dict[str, str] = {}
    for name, check in checks:
        try:
            yield from check()
        except (SonarError, SyftError, ApeException, OSError) as error:
            words = one_line(error)
            first = raised.setdefault(words, name)
            yield Finding(name, Grade.FAIL, words if first == name else f"not checked, for the reason under {first}")


def tell(findings: Iterable[Finding], *, as_json: bool) -> None:
    """Prints findings as they come, or all as JSON; ends with exit status 1 where one is a failure."""
    found = []
    for finding in findings:
        found.append(finding)
        if not as_json:
            click.echo(str(finding))
    well = all(finding.grade is not Grade.FAIL for finding in found)
    if as_json:
        click.echo(json.dumps({"well": well, "findings": [asdict(finding) for finding in found]}))
    raise SystemExit(0 if well else 1)


class DoctorCommand(ConnectedProviderCommand):
    """A command on a network that also runs where no node answers: its `provider` is None then."""

    def invoke(self, ctx: click.Context) -> Any:
        with ExitStack() as stack:
            provider: ProviderAPI | None = None
            try:
                if network := parse_network(ctx):
                    provider = stack.enter_context(network)
            except (ApeException, OSError):
                provider = None
            return self._invoke(ctx, provider=provider)


# ------------------------------------------------------------------ chain


def unreachable_node() -> Iterator[Finding]:
    """For a command whose provider is None."""
    remedy = "start it, or name another with --network and in ape-config.yaml; what needs a chain was not looked at"
    yield Finding("node", Grade.FAIL, "no node answers", remedy)


def check_node(provider: ProviderAPI) -> Iterator[Finding]:
    """Whether the node answers, is where the network is, and shares this machine's time."""
    eth = provider.web3.eth
    with readable():
        block = eth.get_block("latest")
        syncing = eth.syncing
    yield Finding("node", Grade.OK, f"chain {provider.chain_id}, block {int(block['number'])}")
    yield judge_sync(syncing)
    yield judge_clock(int(block["timestamp"]), int(unix_time()))


def judge_sync(syncing: Any) -> Finding:
    """By what eth_syncing answers: false, or where it stands."""
    if not syncing:
        return Finding("sync", Grade.OK, "the node follows the chain")
    at, of = int(syncing["currentBlock"]), int(syncing["highestBlock"])
    return Finding("sync", Grade.FAIL, f"the node is at block {at} of {of}", "wait until it has caught up")


def judge_clock(block_time: int, now: int) -> Finding:
    """Holds the newest block's time against this machine's, both in Unix seconds."""
    if lag := seconds_behind(block_time, now):
        words = f"this machine's clock is {lag} s behind the newest block"
        return Finding("clock", Grade.FAIL, words, "set it by NTP (timedatectl set-ntp true)")
    if now > block_time + _MOST_AGE:
        words = f"the newest block is {now - block_time} s old"
        return Finding("clock", Grade.WARN, words, "look whether the node still hears of blocks, and at this clock")
    return Finding("clock", Grade.OK, f"the newest block is {abs(now - block_time)} s away")


def check_contracts(provider: ProviderAPI, chain: SonarContracts) -> Iterator[Finding]:
    """Whether the contracts are this commit's, byte for byte."""
    verified = verify(provider.web3, chain.address, chain.registry_address)
    yield Finding("contracts", Grade.OK, f"Sonar {verified.sonar} is this commit's, and so is its registry")


def check_tokens(connection: Connection) -> Iterator[Finding]:
    """Whether the ERC-20 tokens of the settings answer; one Finding per entry that does not."""
    for problem in connection.token_problems:
        yield Finding("tokens", Grade.FAIL, problem, "correct or remove the entry in ape-config.yaml")


def check_funds(chain: SonarContracts, account: str, also: int, what: str) -> Iterator[Finding]:
    """Whether an account can pay for what comes next.

    Args:
        also: wei needed beside gas.
        what: those are for, in words.
    """
    yield judge_funds(chain.coin_balance(account), chain.gas_price(), also, what)


def judge_funds(held: int, gas_price: int, also: int, what: str) -> Finding:
    """Holds an account's wei against one transaction (less is a failure), and many of them."""
    words = f"the account holds {format_money(held, COIN)}"
    for grade, count in ((Grade.FAIL, 1), (Grade.WARN, _TRANSACTIONS)):
        needed = count * _GAS * gas_price + also
        if held < needed:
            remedy = f"fund it; {format_money(needed, COIN)} are {count} transactions at today's gas price, and {what}"
            return Finding("funds", grade, words, remedy)
    return Finding("funds", Grade.OK, f"{words}: more than {_TRANSACTIONS} transactions, and {what}")


# ------------------------------------------------------------------ store


def check_store(uri: str, *, write: bool) -> Iterator[Finding]:
    """Whether the store answers; with `write`, whether a tiny blob comes back from it and is kept."""
    store = open_store(uri, timeout=_STORE_PATIENCE)
    if not write:
        store.has(store.address_of(b""))
        yield Finding("store", Grade.OK, "it answers (add --write to try it with a tiny blob)")
        return
    blob = b"sonar doctor " + secrets.token_hex(16).encode()
    address = store.put(blob)
    store.get(address, limit=len(blob))
    if not store.has(address):
        yield Finding("store", Grade.FAIL, "it gives a blob back that it does not keep", "let it pin what is put")
        return
    store.unpin(address)
    yield Finding("store", Grade.OK, "a tiny blob was put, read back, kept, and let go of")


# ------------------------------------------------------------------ account


def check_account(address: str) -> Iterator[Finding]:
    """Whether Ape holds the account's key, and can use it without asking."""
    from ape import accounts

    held = [*accounts, *accounts.test_accounts]
    account = next((one for one in held if str(one.address) == address), None)
    if account is None:
        remedy = "import it (`ape accounts import ALIAS`), or use the home's own account"
        yield Finding("account", Grade.FAIL, f"Ape has no key of {address}", remedy)
        return
    yield _judge_account(account)


def _judge_account(account: AccountAPI) -> Finding:
    if not isinstance(account, KeyfileAccount):
        return Finding("account", Grade.OK, f"{account.address} signs")
    variable = f"APE_ACCOUNTS_{account.alias}_PASSPHRASE"
    if variable not in os.environ:
        words = f"{account.address} is a keyfile, and its passphrase is asked for at each start"
        return Finding("account", Grade.WARN, words, f"set {variable} for a service that starts by itself")
    account.unlock(passphrase=os.environ[variable])
    return Finding("account", Grade.OK, f"{account.address} signs: {variable} opens its keyfile")


# ------------------------------------------------------------------ home


def check_disk(home: Path) -> Iterator[Finding]:
    """Whether there is room on the home's disk."""
    yield judge_space(shutil.disk_usage(home).free)


def judge_space(free: int) -> Finding:
    """By bytes that are free."""
    words = f"{free / (1 << 30):.1f} GiB are free"
    if free < _LEAST_SPACE:
        return Finding("disk", Grade.FAIL, words, "make room: a full disk stops the service, though it loses nothing")
    if free < _LITTLE_SPACE:
        return Finding("disk", Grade.WARN, words, "make room")
    return Finding("disk", Grade.OK, words)


def check_permissions(home: Path) -> Iterator[Finding]:
    """Whether the home and everything in it is its user's alone. What is in a folder that is closed is closed too."""
    status = home.stat()
    if status.st_uid != os.geteuid():
        words = f"{home} belongs to user {status.st_uid}, and this is user {os.geteuid()}"
        yield Finding("home", Grade.FAIL, words, "run the service, and its doctor, as the home's owner")
    elif not status.st_mode & _OTHERS:
        yield Finding("home", Grade.OK, f"{home} is open to its owner alone")
    else:
        mode = stat.S_IMODE(status.st_mode)
        yield Finding("home", Grade.FAIL, f"others may look into {home} (mode {mode:o})", f"chmod 700 {home}")


def check_journal(path: Path, remedy: str) -> Iterator[Finding]:
    """Whether a state file is sound, by SQLite's own check; it is opened to read only. `remedy`: if it is not."""
    try:
        with closing(open_to_read(path)) as connection:
            wrong: str | None = find_damage(connection)
    except sqlite3.Error as error:
        wrong = str(error)
    if wrong is None:
        yield Finding("state", Grade.OK, f"{path.name} is sound")
    else:
        yield Finding("state", Grade.FAIL, f"{path} is damaged ({wrong})", f"restore it from a copy, or {remedy}")
