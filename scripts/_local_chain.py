"""The folder of a local chain: its state, keyfile accounts, Ape's settings, homes, and the environment to copy.

.chain/anvil.json       the chain's state, written when it stops
.chain/ape/             Ape's data folder: keyfiles of the accounts, and settings with the token and the Capsule
.chain/homes/NAME/      SONAR_HOME of each account
.chain/blobs/           the store that all of them share
.chain/environment      what a shell sources
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from eth_account import Account
from filelock import FileLock, Timeout

from scripts._processes import CHAIN_ID, LiveError
from sonar_core.base.atomic_files import write_atomically
from sonar_core.chain.deploy.deployer import Deployer
from sonar_core.chain.deploy.records import Deployment, record_deployment
from sonar_core.chain.rpc import first_block_with_code

#: Data Scientist, Capsule and three Miners, as tutorials and notebooks call them.
NAMES = ("alice", "carol", "bob", "dora", "erin")
CAPSULE = "carol"
SYMBOL = "USDX"
_ETHER, _TOKENS = 1_000 * 10**18, 1_000_000 * 10**6
#: Keyfiles here protect nothing: their passphrase lies beside them, and key derivation may be quick.
_ITERATIONS = 1_000


@dataclass(frozen=True, slots=True)
class Deployed:
    """Addresses on the local chain."""

    sonar: str
    token: str


class LocalChain:
    """One folder; every step is left out if an earlier run has done it.

    Args:
        folder: absolute; made if it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ape, self._homes = folder / "ape", folder / "homes"
        self.environment = folder / "environment"
        folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def only_one(self) -> Iterator[None]:
        """Holds the folder's lock. Raises LiveError if another process has it."""
        lock = FileLock(self.folder / "lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise LiveError(f"a chain runs in {self.folder} already: use that one, or give another --folder") from None
        try:
            yield
        finally:
            self.environment.unlink(missing_ok=True)
            lock.release()

    def anvil_options(self) -> tuple[str, ...]:
        """A block per second, so that deadlines pass; the state is kept across restarts."""
        return ("--block-time", "1", "--state", str(self.folder / "anvil.json"))

    def connect(self, url: str) -> None:
        """Lets this process's Ape find the chain."""
        os.environ["DEVNET_RPC"] = url

    def furnish(self, provider: Any, deployer: Any, project: Any) -> Deployed:
        """Contracts, token, accounts, funds, settings and the environment file, which is the last.

        Args:
            provider: Ape's, connected to the chain.
            deployer: an account of the node's with ether.
            project: Ape's, for the token's contract.
        """
        sonar = self._deploy_sonar(provider, deployer)
        addresses = {name: self._account(name) for name in NAMES}
        token = self._token(provider, deployer, project)
        for address in addresses.values():
            if provider.get_balance(address) < _ETHER:
                provider.make_request("anvil_setBalance", [address, hex(_ETHER)])
            missing = _TOKENS - token.balanceOf(address)
            if missing > 0:
                token.mint(address, missing, sender=deployer)
        self._write_settings(str(token.address), addresses[CAPSULE])
        write_atomically(self.environment, self._exports(os.environ["DEVNET_RPC"]).encode())
        return Deployed(sonar, str(token.address))

    def _deploy_sonar(self, provider: Any, account: Any) -> str:
        deployer = Deployer(provider, account)
        deployer.carry_out(deployer.plan())
        block = first_block_with_code(provider.web3, deployer.registry)
        for name in NAMES:
            record_deployment(self._homes / name, Deployment(CHAIN_ID, deployer.sonar, deployer.registry, block))
        return deployer.sonar

    def _token(self, provider: Any, deployer: Any, project: Any) -> Any:
        known = self._settings().get("sonar", {}).get("tokens", {}).get(CHAIN_ID, {}).get(SYMBOL)
        if known and provider.get_code(known):
            return project.PlainToken.at(known)
        return deployer.deploy(project.PlainToken)

    def _account(self, name: str) -> str:
        """The address of a keyfile account, which is made unless it exists."""
        path = self._ape / "accounts" / f"{name}.json"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            key = Account.create()
            keyfile = Account.encrypt(key.key, self._passphrase(), kdf="pbkdf2", iterations=_ITERATIONS)
            write_atomically(path, json.dumps({**keyfile, "address": key.address}).encode())
        return str(json.loads(path.read_text())["address"])

    def _passphrase(self) -> str:
        """One passphrase for all accounts and vaults of this chain, made once."""
        path = self.folder / "passphrase"
        if not path.exists():
            write_atomically(path, secrets.token_hex(16).encode())
        return path.read_text()

    def _settings(self) -> dict[str, Any]:
        path = self._ape / "ape-config.yaml"
        return dict(yaml.safe_load(path.read_text())) if path.exists() else {}

    def _write_settings(self, token: str, capsule: str) -> None:
        sonar = {"tokens": {CHAIN_ID: {SYMBOL: token}}, "capsules": {CAPSULE: capsule}}
        write_atomically(self._ape / "ape-config.yaml", yaml.safe_dump({"sonar": sonar}).encode())

    def _exports(self, url: str) -> str:
        passphrase = self._passphrase()
        variables = {"DEVNET_RPC": url, "APE_DATA_FOLDER": self._ape, "SONAR_STORE": f"embedded:{self.folder}/blobs"}
        variables |= {f"APE_ACCOUNTS_{name}_PASSPHRASE": passphrase for name in NAMES}
        variables |= {"SONAR_PASSPHRASE": passphrase, "SONAR_CAPSULE_PASSPHRASE": passphrase}
        lines = [f"# source this file with a name behind it: {', '.join(NAMES)}"]
        lines += [f"export {name}='{value}'" for name, value in variables.items()]
        lines += [f"export SONAR_HOME='{self._homes}'/\"${{1:-{NAMES[0]}}}\""]
        return "\n".join(lines) + "\n"
