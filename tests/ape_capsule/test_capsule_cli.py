"""`ape capsule` on the network of the test: from nothing to a delivered Campaign, and bad input in one line."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from ipfs_node import running_node

from ape_capsule.home.paths import STATE_FILE, WARRANT_FILE, lock
from ape_capsule.home.state import CapsuleJournal
from ape_capsule.keys.destruction_statement import check_statement
from sonar_core.crypto.sealed_messages import NoValidSignatureError
from sonar_core.protocol.content_address import to_cid
from sonar_core.protocol.structs import Status
from sonar_core.store import open_store
from sonar_core.store.artifacts import read_keyring
from sonar_core.store.replication_backlog import Backlog
from tests.world.capsule import CAPSULE_TERMS, PASSPHRASE, World

pytestmark = pytest.mark.chain

#: A node that is not there.
DOWN = "ipfs:/ip4/127.0.0.1/tcp/9"


def _error(output: str) -> str:
    (line,) = [line for line in output.splitlines() if line.startswith("error: ")]
    return line


def test_the_commands_from_announcing_to_a_destroyed_key(world: World, ape_capsule: Any, tmp_path: Path) -> None:
    terms = ("--scoring-window", "20 minutes", "--scoring-fee", "1 wei", "--smallest-capsule-fee", "0 wei")
    shown = ape_capsule("announce", "--dry-run", *terms)
    assert "A score earns 0.000000000000000001 ether and costs" in " ".join(shown.split())
    assert "Dry run: nothing was sent." in shown
    assert "repeat with --yes" in _error(ape_capsule("announce", *terms, status=1))
    assert world.as_("capsule").capsule_terms(str(world.accounts["capsule"].address)).scoring_window == 60
    assert "Announced as" in ape_capsule("announce", "--yes", *terms)
    assert world.as_("capsule").capsule_terms(str(world.accounts["capsule"].address)).scoring_window == 1200
    campaign = world.create()
    told = [json.loads(line) for line in ape_capsule("run", "--once", "--json").splitlines() if line[0] == "{"]
    (opened,) = [action for action in told if action["campaign"]]
    assert (opened["kind"], opened["campaign"]) == ("opened", "0x" + campaign.hex())
    world.submit_gradient(campaign, world.gradient(campaign, 11))
    assert "scored" in ape_capsule("run", "--once")

    (facts,) = json.loads(ape_capsule("status", "--json"))
    assert (facts["status"], facts["scored"], facts["waiting"]) == ("Open", 1, 0)
    assert "Accuracy" in ape_capsule("status")
    assert "left as it is" in _error(ape_capsule("rebuild", status=1))
    (world.home / STATE_FILE).write_bytes(b"garbage" * 999)
    assert "`ape capsule rebuild`" in _error(ape_capsule("run", "--once", status=1))
    assert "1 Campaign; Gradients: 1 scored, 0 waiting" in ape_capsule("rebuild")
    (warrant,) = json.loads(ape_capsule("log", "--json"))
    assert (warrant["kind"], warrant["number"], warrant["campaign"]) == ("gradient", 0, "0x" + campaign.hex())
    assert "gradient 0" in ape_capsule("log")

    identity = "0x" + campaign.hex()
    assert "is Open" in _error(ape_capsule("destroy", identity, status=1))
    world.until_end(campaign)
    assert "delivered" in ape_capsule("run", "--once")
    assert world.as_("capsule").status_of(campaign) is Status.DELIVERED
    chain = ("--capsule", str(world.accounts["capsule"].address), "--network", "ethereum:local:test")
    held = ("log", "--verify", *chain, "--sonar", world.sonar.address)
    assert "agree: 2 lines" in ape_capsule(*held)
    assert "key pairs" in ape_capsule("backup", str(tmp_path / "saved"))
    assert "Nothing was destroyed." in ape_capsule("destroy", identity, given="n\n")
    assert len(list((world.home / "keys").glob("*.vault"))) == 1
    assert "is gone" in ape_capsule("destroy", identity, given="y\n")
    assert "is gone" in ape_capsule("destroy", identity, "--yes")
    assert not list((world.home / "keys").glob("*.vault"))
    statement = world.home / "statements" / f"{campaign.hex()}.json"
    signature = statement.with_suffix(".json.asc").read_bytes()
    ring = read_keyring(world.store, world.as_("capsule").certificates_of(str(world.accounts["capsule"].address)))
    destruction = check_statement(statement.read_bytes(), signature, ring)
    assert (destruction.campaign, destruction.contract) == (identity, world.sonar.address)
    with pytest.raises(NoValidSignatureError):
        check_statement(statement.read_bytes().replace(b"1337", b"1338"), signature, ring)

    log = world.home / WARRANT_FILE
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:1]))
    assert "model 1: it was decrypted, and the log has no warrant for it" in ape_capsule(*held, status=1)
    assert "1 key pairs and 2 lines" in ape_capsule(
        "restore", str(tmp_path / "saved"), "--home", str(tmp_path / "again")
    )
    assert "agree: 2 lines" in ape_capsule(*held, "--home", str(tmp_path / "again"))


def test_bad_input_is_one_line_and_exit_status_1(
    world: World, ape_capsule: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "is kept" in _error(ape_capsule("init", status=1))
    monkeypatch.setenv("SONAR_CAPSULE_PASSPHRASE", "wrong")
    assert "wrong passphrase" in _error(ape_capsule("run", "--once", status=1))
    monkeypatch.setenv("SONAR_CAPSULE_PASSPHRASE", PASSPHRASE)
    with lock(world.home):
        assert "another Capsule process" in _error(ape_capsule("run", "--once", status=1))
    assert "duration" in _error(ape_capsule("announce", "--open-within", "soon", status=1))
    assert "0x and 64 hex digits" in _error(ape_capsule("destroy", "0x12", status=1))
    (world.home / WARRANT_FILE).write_text('{"campaign": 1}\n')
    assert "line 1" in _error(ape_capsule("log", status=1))
    nowhere = tmp_path / "nowhere"
    for command in ("run", "status", "log"):
        assert "ape capsule init" in _error(ape_capsule(command, "--home", str(nowhere), status=1))
    assert not nowhere.exists()
    ape_capsule("run", "--poll", "never", status=2)


def test_an_unreachable_store_is_trouble_told_and_nothing_lost(
    world: World, ape_capsule: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = world.create()
    monkeypatch.setenv("SONAR_STORE", "/ip4/127.0.0.1/tcp/1")
    output = ape_capsule("run", "--once", status=1)
    assert "blob store" in _error(output)
    monkeypatch.setenv("SONAR_STORE", world.store.uri)
    assert "opened" in ape_capsule("run", "--once")
    assert world.as_("capsule").status_of(campaign) is Status.OPEN


def test_the_doctor_finds_what_is_wrong(
    world: World, ape_capsule: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Tests move the chain's time, and with it the machine's.
    monkeypatch.setattr("sonar_core.service.doctor.unix_time", lambda: world.chain.blocks.head.timestamp)

    def found(status: int, *options: str) -> dict[str, tuple[str, str]]:
        (told,) = [
            line for line in ape_capsule("doctor", "--json", *options, status=status).splitlines() if line[0] == "{"
        ]
        return {one["check"]: (one["grade"], one["words"]) for one in json.loads(told)["findings"]}

    campaign = world.create()
    (world.home).chmod(0o700)
    assert not (world.home / "state.sqlite").exists()
    before = found(0, "--write")
    assert {grade for grade, _ in before.values()} <= {"ok", "warn"}
    assert (before["announced"][0], before["contracts"][0]) == ("ok", "ok")
    assert not (world.home / "state.sqlite").exists()  # it only looks

    ape_capsule("run", "--once")
    assert found(0)["keys"] == ("ok", "1 open Campaign, each with its key pair; the passphrase opens the first")
    monkeypatch.setenv("SONAR_CAPSULE_PASSPHRASE", "wrong")
    wrong = found(1)
    assert "wrong passphrase" in wrong["identity"][1]
    assert "wrong passphrase" in wrong["keys"][1]
    monkeypatch.delenv("SONAR_CAPSULE_PASSPHRASE")
    assert found(0)["identity"][0] == "warn"

    monkeypatch.setenv("SONAR_CAPSULE_PASSPHRASE", PASSPHRASE)
    (vault,) = (world.home / "keys").glob("*.vault")
    vault.rename(tmp_path / "away")
    assert campaign.hex() in found(1)["keys"][1]
    world.home.chmod(0o755)
    monkeypatch.setenv("SONAR_STORE", "ipfs:/ip4/127.0.0.1/tcp/1")
    ill = found(1)
    assert [name for name in ("home", "store", "announced") if ill[name][0] == "fail"] == ["home", "store", "announced"]


def test_the_doctor_says_that_another_home_is_announced(world: World, ape_capsule: Any, tmp_path: Path) -> None:
    other = str(tmp_path / "other")
    ape_capsule("init", "--home", other)
    output = ape_capsule("doctor", "--home", other, status=1)
    assert "fail  announced     the ring on chain is not this home's" in output


def test_tidy_says_what_would_go_and_with_yes_unpins_it_on_a_real_node(
    world: World, ape_capsule: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_node(tmp_path / "repo") as node:
        monkeypatch.setenv("SONAR_STORE", f"ipfs:{node.api},{DOWN}")
        world.store = open_store(f"ipfs:{node.api}")  # type: ignore[assignment]
        world.announce(CAPSULE_TERMS)
        campaign = world.create(audit_window=600)
        ape_capsule("run", "--once")
        world.until_end(campaign)
        ape_capsule("run", "--once")
        state = world.state(campaign)
        assert state.start is not None
        blobs = [state.terms.spec, state.terms.validation, state.start.public_key, state.model.address]
        blobs.append(state.delivery)
        with closing(CapsuleJournal(world.home / STATE_FILE)) as journal:
            assert Backlog(journal.database).count(DOWN) == len(blobs), "the service knows what the other node missed"
        assert json.loads(ape_capsule("tidy", "--json", "--after", "0 seconds"))["campaigns"] == []

        world.wait(1201)
        assert json.loads(ape_capsule("tidy", "--json"))["campaigns"] == [], "a month is left for the Data Scientist"
        assert "5 blobs of 1 ended Campaign" in ape_capsule("tidy", "--after", "10 minutes")
        (facts,) = json.loads(ape_capsule("tidy", "--json", "--after", "0 seconds"))["campaigns"]
        cached = sum(path.stat().st_size for path in (tmp_path / "home" / "cache").iterdir())
        assert facts["blobs"] == 5
        assert facts["bytes"] > cached > 2000
        assert all(map(world.store.has, blobs))

        with lock(world.home):
            assert "another Capsule" in _error(ape_capsule("tidy", "--yes", "--after", "0 seconds", status=1))
        assert ": unpinned." in ape_capsule("tidy", "--yes", "--after", "0 seconds")
        assert not any(map(world.store.has, blobs))
        assert not {to_cid(blob) for blob in blobs} & {path.name for path in (tmp_path / "home" / "cache").iterdir()}
        assert "0 blobs of 0 ended Campaigns" in ape_capsule("tidy", "--yes", "--after", "0 seconds")
