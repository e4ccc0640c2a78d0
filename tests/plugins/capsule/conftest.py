"""A Capsule's world on the chain of the test, for whoever asks for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from capsule_world import World, key_pair

from ape_capsule import keystore


@pytest.fixture
def world(
    sonar: Any,
    chain: Any,
    scientist: Any,
    capsule: Any,
    miner: Any,
    second_miner: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    monkeypatch.setattr(keystore, "generate_paillier_keypair", lambda bits: key_pair())
    roles = {"scientist": scientist, "capsule": capsule, "miner": miner, "second miner": second_miner}
    return World(sonar, chain, roles, tmp_path)
