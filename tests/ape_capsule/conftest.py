"""A Capsule's world on the chain of the test, and its command line there, for whoever asks for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ape_capsule._cli import cli
from ape_capsule.keys import paillier_keystore
from tests.world.capsule import PASSPHRASE, World, key_pair


@pytest.fixture
def roles(scientist: Any, capsule: Any, miner: Any, second_miner: Any) -> dict[str, Any]:
    """A World's accounts."""
    return {"scientist": scientist, "capsule": capsule, "miner": miner, "second miner": second_miner}


@pytest.fixture
def world(sonar: Any, chain: Any, roles: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(paillier_keystore, "generate_paillier_keypair", lambda bits: key_pair())
    return World(sonar, chain, roles, tmp_path)


@pytest.fixture
def ape_capsule(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """`ape capsule` of the world's home: a command, its arguments, what is typed; what it printed."""
    monkeypatch.setenv("SONAR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SONAR_STORE", world.store.uri)
    monkeypatch.setenv("SONAR_CAPSULE_HOME", str(world.home))
    monkeypatch.setenv("SONAR_CAPSULE_PASSPHRASE", PASSPHRASE)
    monkeypatch.chdir(tmp_path)

    def call(command: str, *arguments: str, status: int = 0, given: str | None = None) -> str:
        connected = command not in ("backup", "certificates", "init", "log", "restore")
        network = ["--network", "ethereum:local:test", "--sonar", world.sonar.address] if connected else []
        signer = ["--account", f"TEST::{_index(world.accounts['capsule'])}"] if connected else []
        result = CliRunner(mix_stderr=False).invoke(cli, [command, *arguments, *signer, *network], input=given)
        said = result.stdout + result.stderr
        assert result.exit_code == status, (said, result.exception)
        assert "Traceback" not in said
        return result.stdout if "--json" in arguments else said

    return call


def _index(account: Any) -> int:
    from ape import accounts

    return next(place for place, known in enumerate(accounts.test_accounts) if known.address == account.address)
