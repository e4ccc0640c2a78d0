"""Nothing private in the logs: a Campaign served by the commands themselves, with every trouble there is, and a scan.

The Capsule's and the Mine's commands run with structured logs at their most talkative, in both formats; what they wrote
anywhere is searched for passphrases, keys, rows and labels.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from eth_account.hdaccount import HDPath, seed_from_mnemonic

from ape_capsule import _cli as capsule_cli
from ape_capsule import loop, service
from ape_capsule.keys import paillier_keystore
from ape_mine import _cli as mine_cli
from sonar_core.crypto import vault
from sonar_core.crypto.sealed_messages import seal_anonymous
from sonar_core.crypto.vault import LOWEST_COST
from sonar_core.data.row_encoder import RowEncoder
from tests.world.capsule import PASSPHRASE, World, key_pair, rows, spec

pytestmark = pytest.mark.chain

TALKATIVE = ("--once", "--log", "json", "--log-level", "debug")
WRONG = "wr0ng-passphrase"
#: Of an Output: public as a schema, private as an answer to a row.
LABELS = ("zyx-healthy", "zyx-ill")
_INPUT = [{"name": name, "type": "number", "constraints": {"minimum": 0, "maximum": 1}} for name in ("age", "dose")]
_OUTPUT = {"name": "ill", "type": "string", "constraints": {"enum": list(LABELS)}}
_POLICY = """
datasets: {ward-7: {consent: own, path: rows.csv, schema: schema.json}}
allow:
  - {dataset: ward-7, output: [ill], capsules: any, bounty: '>= 0 ether', rounds: 3, patience: 2, approve: automatic}
"""


@dataclass
class Play:
    """What the commands wrote, and what must not be in it."""

    written: list[str] = field(default_factory=list)
    secrets: dict[str, bytes] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return "\n".join(self.written)

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines() if line.startswith("{")]


def table() -> pd.DataFrame:
    """A Mine's rows, with digits enough to be recognised again."""
    generator = np.random.default_rng(5)
    frame = pd.DataFrame(np.round(generator.uniform(0, 1, (40, 2)), 9), columns=["age", "dose"])
    frame["ill"] = [LABELS[int(total > 1)] for total in frame.sum(axis=1)]
    return frame


@pytest.fixture
def world(
    sonar: Any, chain: Any, scientist: Any, capsule: Any, miner: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> World:
    monkeypatch.setattr(paillier_keystore, "generate_paillier_keypair", lambda bits: key_pair())
    monkeypatch.setattr(service, "build_capsule", partial(service.build_capsule, cost=LOWEST_COST))
    return World(sonar, chain, {"scientist": scientist, "capsule": capsule, "miner": miner}, tmp_path)


@pytest.fixture
def played(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    play = Play()
    monkeypatch.setenv("SONAR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SONAR_STORE", world.store.uri)
    monkeypatch.setenv("SONAR_CAPSULE_HOME", str(world.home))
    monkeypatch.setenv("SONAR_MINE_HOME", str(tmp_path / "mine"))
    monkeypatch.chdir(tmp_path)

    def ape(group: Any, role: str, command: str, *options: str, passphrase: str = PASSPHRASE) -> None:
        named = [] if command == "add" else ["--network", "ethereum:local:test", "--sonar", world.sonar.address]
        signer = [] if command in ("add", "policy") else ["--account", f"TEST::{_index(world.accounts[role])}"]
        environment = {"SONAR_CAPSULE_PASSPHRASE": passphrase}
        result = CliRunner().invoke(group, [command, *options, *signer, *named], env=environment)
        play.written.append(result.output)

    def serve(*options: str) -> None:
        ape(mine_cli.cli, "miner", "run", *TALKATIVE, *options)
        ape(capsule_cli.cli, "capsule", "run", *TALKATIVE, *options)

    frame = table()
    frame.to_csv("rows.csv", index=False)
    Path("schema.json").write_text(json.dumps({"fields": [*_INPUT, _OUTPUT]}))
    Path("policy.yaml").write_text(_POLICY)
    ape(mine_cli.cli, "miner", "init")
    ape(mine_cli.cli, "miner", "policy", "policy.yaml")
    document = spec(output={"description": "Falls ill", "schema": {"fields": [_OUTPUT]}}).to_bytes()

    campaign = world.create(spec_bytes=document)
    for _ in range(2):
        serve()
    for hostile in (b"zyx garbage", seal_anonymous(b'{"rows": "zyx"}' * 20, [world.identity.certificate])):
        bundle = world.bundle(campaign, world.gradient(campaign, 12))
        world.submit(campaign, bundle, bytes(31) + b"\x01", sealed=hostile)
    world.create(spec_bytes=b'{"rows": "zyx"}')
    ape(capsule_cli.cli, "capsule", "run", *TALKATIVE)
    world.create(spec_bytes=document)
    ape(capsule_cli.cli, "capsule", "run", *TALKATIVE)
    world.create(spec_bytes=document)
    _break_the_store(world, monkeypatch, serve)
    _break_rows(tmp_path / "mine", frame)
    _break_the_capsule(monkeypatch, frame, serve)
    ape(capsule_cli.cli, "capsule", "run", *TALKATIVE, passphrase=WRONG)
    world.until_end(campaign)
    serve()
    play.secrets = _secrets(world, frame)
    return play


def _break_rows(mine: Path, frame: pd.DataFrame) -> None:
    """Every dataset in the home becomes rows as text, which is no Parquet."""
    (found,) = (mine / "datasets").glob("*.parquet")
    found.write_text(frame.to_csv(index=False))


def _break_the_store(world: World, monkeypatch: pytest.MonkeyPatch, serve: Any) -> None:
    monkeypatch.setenv("SONAR_STORE", "ipfs:/ip4/127.0.0.1/tcp/1")
    serve()
    monkeypatch.setenv("SONAR_STORE", world.store.uri)


def _break_the_capsule(monkeypatch: pytest.MonkeyPatch, frame: pd.DataFrame, serve: Any) -> None:
    """A defect whose message quotes a row, a label and a passphrase."""

    def defect(*_: Any) -> Any:
        raise ZeroDivisionError(f"{frame.age[0]!r} {LABELS[0]} {PASSPHRASE}")

    with monkeypatch.context() as patch:
        for name in ("answer", "deliver"):
            patch.setattr(loop, name, defect)
        serve()
        serve("--log", "console")


def _secrets(world: World, frame: pd.DataFrame) -> dict[str, bytes]:
    """Whatever a leak would look like, by what it is."""
    found = {"passphrase": PASSPHRASE.encode(), "wrong passphrase": WRONG.encode()}
    found |= {f"label {label}": label.encode() for label in LABELS}
    private = key_pair()[1]
    for name in ("p", "q"):
        number = int(getattr(private, name))
        found |= {f"{name} as {kind}": format(number, kind).encode() for kind in ("d", "x", "X")}
    identity = vault.read(world.home / "identity.vault", PASSPHRASE, purpose="capsule-identity")
    for place in range(0, len(identity) - 24, 24):
        piece = identity[place : place + 24]
        if piece in bytes(world.identity.ring()) or piece in _binary(world.identity.ring()):
            continue  # public halves stand in both
        found[f"identity from {place}, in hex"] = piece.hex().encode()
        found[f"identity from {place}, in base64"] = base64.b64encode(piece)
    found |= {f"account {place}": key.encode() for place, key in enumerate(_account_keys())}
    encoder = RowEncoder({"fields": _INPUT}, {"fields": [_OUTPUT]})
    for place, row in enumerate(encoder.encode_inputs(frame[["age", "dose"]])):
        found[f"row {place}, encoded"] = f"{row[0]}, {row[1]}".encode()
    for column in ("age", "dose"):
        found |= {f"{column} {place}": repr(float(value)).encode() for place, value in enumerate(frame[column])}
    for seed in (1, 11):
        found |= {f"validation {seed} {place}": f"{a}, {b}".encode() for place, (a, b) in enumerate(rows(seed)[0])}
    return found


def _binary(ring: bytes) -> bytes:
    body = [line for line in ring.decode().splitlines() if line and not line.startswith(("-", "=")) and ":" not in line]
    return base64.b64decode("".join(body))


def _account_keys() -> list[str]:
    from ape import config

    seed = seed_from_mnemonic(config.get_config("test").mnemonic, "")
    return [HDPath(f"m/44'/60'/0'/0/{place}").derive(seed).hex() for place in range(8)]


def _index(account: Any) -> int:
    from ape import accounts

    return next(place for place, known in enumerate(accounts.test_accounts) if known.address == account.address)


def test_nothing_private_is_logged(played: Play) -> None:
    told = {(event["service"], event["event"]) for event in played.events() if "service" in event}
    assert told >= {
        *(("capsule", name) for name in ("started", "opened", "scored", "rejected", "declined", "delivered")),
        *(("capsule", name) for name in ("trouble", "failed", "call failed", "called", "worked", "stopped")),
        *(("mine", name) for name in ("started", "submitted", "published", "trouble", "failed", "call failed")),
    }, told
    words = [str(event.get("words")) for event in played.events()]
    for trouble in ("wrong passphrase", "is damaged", "a defect, see the log: ZeroDivisionError", "blob store"):
        assert any(trouble in one for one in words), trouble
    assert any(event.get("exception") == "ZeroDivisionError" for event in played.events())

    everything = played.text.encode()
    assert len(played.secrets) > 200
    assert [what for what, secret in played.secrets.items() if secret in everything] == []

    # And that the scan would have found each of them.
    leaky = everything + b" ".join(played.secrets.values())
    assert all(secret in leaky for secret in played.secrets.values())
    assert all(len(secret) >= 6 for secret in played.secrets.values())
