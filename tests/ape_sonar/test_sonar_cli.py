from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from ape_sonar._cli import cli
from ape_sonar.client import Sonar
from sonar_core.chain.deploy.records import Deployment, record_deployment
from sonar_core.protocol.campaign_spec import spec_schema
from syft import wire
from tests.world.data_scientist import CHEAP, INPUT, OUTPUT, PASSPHRASE, VALIDATION, World

Run = Callable[..., Result]

FILE = {
    "model": {"class": "RandomFeatureClassifier", "features": 3},
    "seed": 5,
    "description": "Who falls ill",
    "input": "input.schema.json",
    "output": OUTPUT,
    "validation": "hidden.csv",
    "bounty": "1000 wei",
    "capsule": "",
    "lasts": "2 days",
    "target_accuracy": 0.95,
    "key_bits": 2048,
}


@pytest.fixture
def world(sonar: Any, chain: Any, scientist: Any, capsule: Any, token: Any, tmp_path: Path) -> World:
    return World(sonar, chain, scientist, capsule, token, tmp_path)


@pytest.fixture
def run(world: World, chain: Any, scientist: Any, accounts: Any, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`ape sonar ...` on the network of the test."""
    monkeypatch.setenv("SONAR_HOME", str(world.folder))
    monkeypatch.setenv("SONAR_STORE", world.store.uri)
    monkeypatch.setenv("SONAR_PASSPHRASE", PASSPHRASE)
    monkeypatch.setitem(Sonar.__init__.__kwdefaults__, "cost", CHEAP)
    # The recorded block keeps commands from reading the chain of all tests before.
    here = world.network().chain
    record_deployment(world.folder, Deployment(here.chain_id, here.address, here.registry_address, world.start))
    place = next(place for place in range(10) if accounts[place].address == scientist.address)

    def call(command: str, *arguments: str, signs: bool = False, input: str | None = None) -> Result:  # noqa: A002
        signer = ["--account", f"TEST::{place}"] if signs else []
        on = ["--network", chain.provider.network_choice]
        result = CliRunner(mix_stderr=False).invoke(cli, [command, *arguments, *signer, *on], input=input)
        assert "Traceback" not in result.stdout + result.stderr
        return result

    return call


@pytest.fixture
def campaign_file(world: World) -> Callable[..., Path]:
    """A campaign file with its schema and its rows beside it."""
    (world.folder / "input.schema.json").write_text(json.dumps(INPUT))
    inputs, answers = VALIDATION
    with (world.folder / "hidden.csv").open("w", newline="") as file:
        rows = zip(inputs["age"], inputs["dose"], answers, strict=True)
        csv.writer(file).writerows([["age", "dose", "ill"], *rows])

    def write(**changes: Any) -> Path:
        document = {**FILE, "capsule": world.capsule.sender, **changes}
        path = world.folder / "campaign.yaml"
        path.write_text(yaml.safe_dump({name: value for name, value in document.items() if value is not ...}))
        return path

    return write


def created(run: Run, path: Path) -> str:
    result = run("create", str(path), "--json", signs=True)
    assert result.exit_code == 0, result.stderr
    return str(json.loads(result.stdout)["campaign"])


def failed(result: Result, status: int = 1) -> str:
    """The one line on standard error."""
    assert result.exit_code == status, result.stdout
    assert result.stdout == ""
    if status == 1:
        assert result.stderr.startswith("error: ")
        assert result.stderr.count("\n") == 1
    return result.stderr


def test_a_campaign_from_file_to_result(
    world: World, run: Run, campaign_file: Callable[..., Path], miner: Any, tmp_path: Path
) -> None:
    path = campaign_file()
    told = run("create", str(path), signs=True)
    assert told.exit_code == 0, told.stderr
    campaign = created(run, path)
    assert campaign in told.output
    assert "is payable" in told.output
    listed = json.loads(run("list", "--json").stdout)
    assert [one["campaign"] for one in listed] == [campaign]
    assert listed[0]["bounty"] == {
        "amount": "0.000000000000001 ether",
        "units": "1000",
        "currency": "0x0000000000000000000000000000000000000000",
    }
    assert json.loads(run("list", "--json", "--scientist", world.capsule.sender).stdout) == []

    network = world.network()
    one = network.campaign(campaign)
    world.open(one)
    world.submit(one, miner)
    world.score(one, one.state.accuracy)
    world.deliver(one)

    short = campaign[:10]
    shown = json.loads(run("show", "--campaign", short, "--json").stdout)
    assert (shown["status"], shown["scored"], shown["gradients"][0]["verdict"]) == ("delivered", 1, "no improvement")
    assert shown["gradients"][0]["miner"] == str(miner.address)
    for command in ("list", "show"):
        table = run(command, *(["--campaign", short] if command == "show" else []))
        assert table.exit_code == 0
        assert "delivered" in table.output
    watched = run("watch", "--campaign", short, "--json").stdout.splitlines()
    assert [json.loads(line)["number"] for line in watched] == [0]
    assert "The Campaign is delivered." in run("watch", "--campaign", short).output

    fresh = tmp_path / "fresh.csv"
    fresh.write_text("age,dose\n25,1\n95,4\n")
    files = {"--weights": tmp_path / "weights", "--predict": fresh, "--predictions": tmp_path / "answers.csv"}
    options = [word for pair in files.items() for word in map(str, pair)]
    opened = run("result", "--campaign", short, *options, "--json", signs=True)
    assert opened.exit_code == 0, opened.stderr
    assert json.loads(opened.stdout) == {"campaign": campaign, "accuracy": shown["accuracy"], "verified": True}
    trained = one.result()
    rows = list(csv.reader((tmp_path / "answers.csv").open(newline="")))
    assert rows == [["ill"], *([answer] for answer in trained.predict({"age": [25, 95], "dose": [1, 4]}))]
    weights = wire.loads_arrays((tmp_path / "weights").read_bytes())["weights"]
    assert weights.tolist() == trained.model.weights_.values.tolist()

    again = failed(run("result", "--campaign", short, *options, signs=True))
    assert "is there already" in again
    refunded = json.loads(run("refund", "--campaign", short, "--json", signs=True).stdout)
    assert refunded["units"] == "1000"
    assert "NothingToRefund" not in failed(run("refund", "--campaign", short, signs=True))


def test_cancel_stop_and_expire(world: World, run: Run, campaign_file: Callable[..., Path]) -> None:
    first = created(run, campaign_file())
    assert run("cancel", "--campaign", first, signs=True).exit_code == 0
    assert "0.000000000000001 ether" in run("refund", "--campaign", first, signs=True).output
    assert first in failed(run("cancel", "--campaign", first, signs=True))

    second = created(run, campaign_file(nonce=1))
    one = world.network().campaign(second)
    world.open(one)
    assert "ends at" in run("stop", "--campaign", second, signs=True).output
    assert second in failed(run("expire", "--campaign", second, signs=True))
    world.until(one.state.ends_at + one.state.terms.delivery_window)
    assert "is expired" in run("expire", "--campaign", second, signs=True).output


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"model": {"class": "Pickle"}}, "'Pickle' is none of"),
        ({"bounty": "1000 DOGE"}, "DOGE"),
        ({"parent": "0xab"}, "no Campaign has"),
        ({"capsule": "capsule.example"}, "capsule.example"),
    ],
)
def test_campaigns_that_cannot_be(
    run: Run, world: World, campaign_file: Callable[..., Path], change: dict[str, Any], why: str
) -> None:
    assert why in failed(run("create", str(campaign_file(**change)), signs=True))
    assert world.network().campaigns() == []


def test_a_malformed_row_is_named(run: Run, campaign_file: Callable[..., Path], tmp_path: Path) -> None:
    path = campaign_file()
    rows = (tmp_path / "hidden.csv").read_text().replace("30,0.5", "old,0.5")
    (tmp_path / "hidden.csv").write_text(rows)
    assert "hidden.csv, row 2 (line 3), column 'age': 'old'" in failed(run("create", str(path), signs=True))


def test_a_wrong_passphrase(
    run: Run, campaign_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, world: World
) -> None:
    created(run, campaign_file())
    monkeypatch.setenv("SONAR_PASSPHRASE", "another")
    assert "wrong passphrase" in failed(run("create", str(campaign_file(nonce=1)), signs=True))


def test_the_passphrase_is_asked_for(
    run: Run, campaign_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SONAR_PASSPHRASE")
    result = run("create", str(campaign_file()), signs=True, input=PASSPHRASE + "\n")
    assert result.exit_code == 0, result.stderr
    assert PASSPHRASE not in result.stdout + result.stderr


def test_usage(run: Run, tmp_path: Path) -> None:
    for arguments in (["show"], ["create", str(tmp_path / "missing.yaml")], ["show", "--campaign"]):
        assert run(*arguments).exit_code == 2
    both = run("result", "--campaign", "0x1", "--predict", __file__, signs=True)
    assert both.exit_code == 2


def test_what_is_not_there(run: Run, campaign_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no Campaign has" in failed(run("show", "--campaign", "0x1234"))
    monkeypatch.setenv("SONAR_STORE", "ipfs:/ip4/127.0.0.1/tcp/1")
    assert "unavailable" in failed(run("create", str(campaign_file()), signs=True))
    monkeypatch.setenv("SONAR_STORE", "ftp://example.org")
    assert "names no blob store" in failed(run("list", "--json"))


def test_the_schema_is_printed() -> None:
    result = CliRunner().invoke(cli, ["spec-schema"])
    assert result.exit_code == 0
    assert json.loads(result.output) == spec_schema()
