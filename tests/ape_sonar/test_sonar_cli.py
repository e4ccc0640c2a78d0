from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

import ape_sonar
from ape_sonar._cli import cli
from ape_sonar.campaign_file import read_campaign_file
from ape_sonar.client import Sonar
from ape_sonar.previews import GAS, create_preview
from sonar_core.chain.deploy.records import Deployment, record_deployment
from sonar_core.protocol.campaign_spec import spec_schema
from sonar_core.protocol.content_address import to_cid
from syft import wire
from tests.world.data_scientist import CHEAP, INPUT, OUTPUT, PASSPHRASE, VALIDATION, World

Run = Callable[..., Result]

#: Commands that ask before they send.
SENDING = ("create", "stop", "cancel", "expire", "refund")

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
        if signs and command in SENDING and input is None:
            arguments = (*arguments, "--yes")
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
    """The one line on standard error, after a preview or not."""
    assert result.exit_code == status, result.stdout
    *before, last = result.stderr.splitlines() or [""]
    if status == 1:
        assert last.startswith("error: ")
        assert not any(line.startswith("error: ") for line in before)
    return last if status == 1 else result.stderr


def test_a_campaign_from_file_to_result(
    world: World, run: Run, campaign_file: Callable[..., Path], miner: Any, tmp_path: Path
) -> None:
    path = campaign_file()
    told = run("create", str(path), signs=True)
    assert told.exit_code == 0, told.stderr
    campaign = created(run, path)
    assert campaign in told.output
    assert "Miners can earn 0.000000000000000474 ether: from accuracy 0.5000 to 0.9500." in told.output
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
    files = {
        "--weights": tmp_path / "weights",
        "--save": tmp_path / "model",
        "--sealed": tmp_path / "delivery.pgp",
        "--predict": fresh,
        "--predictions": tmp_path / "answers.csv",
    }
    options = [word for pair in files.items() for word in map(str, pair)]
    opened = run("result", "--campaign", short, *options, "--json", signs=True)
    assert opened.exit_code == 0, opened.stderr
    assert json.loads(opened.stdout) == {
        "campaign": campaign,
        "accuracy": shown["accuracy"],
        "verified": True,
        "delivery": shown["delivery"],
    }
    trained = one.result()
    rows = list(csv.reader((tmp_path / "answers.csv").open(newline="")))
    assert rows == [["ill"], *([answer] for answer in trained.predict({"age": [25, 95], "dose": [1, 4]}))]
    weights = wire.loads_arrays((tmp_path / "weights").read_bytes())["weights"]
    assert weights.tolist() == trained.model.weights_.values.tolist()

    assert (tmp_path / "delivery.pgp").read_bytes() == world.store.get(one.state.delivery, limit=1 << 20)
    assert shown["delivery"] == to_cid(one.state.delivery)
    table = {"age": [25, 95], "dose": [1, 4]}
    assert ape_sonar.load(tmp_path / "model").predict(table).tolist() == trained.predict(table).tolist()

    again = failed(run("result", "--campaign", short, *options, signs=True))
    assert "exists already" in again
    report = run("result", "--campaign", short, "--save", str(tmp_path / "other"), signs=True).stdout
    assert f"Wrote {tmp_path / 'other'}." in report
    for command in ("stop", "cancel", "expire"):
        why = failed(run(command, "--campaign", short, signs=True))
        assert f"{campaign} is delivered: nothing is left to {command}" in why
    ended = failed(run("create", str(path), signs=True))
    assert f"{campaign} exists already and is delivered; nothing was sent" in ended
    refunded = json.loads(run("refund", "--campaign", short, "--json", signs=True).stdout)
    assert refunded["units"] == "1000"
    assert "nothing is left to refund" in failed(run("refund", "--campaign", short, signs=True))


def test_cancel_stop_and_expire(world: World, run: Run, campaign_file: Callable[..., Path]) -> None:
    first = created(run, campaign_file())
    dry = run("cancel", "--campaign", first, "--dry-run", signs=True)
    assert "Dry run: nothing was sent." in dry.stdout
    assert run("cancel", "--campaign", first, signs=True).exit_code == 0
    assert "0.000000000000001 ether" in run("refund", "--campaign", first, signs=True).output
    assert first in failed(run("cancel", "--campaign", first, signs=True))

    assert f"{first} exists already and is cancelled" in failed(run("create", str(campaign_file()), signs=True))
    second = created(run, campaign_file(nonce=1))
    assert "`ape sonar cancel` takes it back" in failed(run("stop", "--campaign", second, signs=True))
    one = world.network().campaign(second)
    world.open(one)
    assert "ends at" in run("stop", "--campaign", second, signs=True).output
    assert "no window was missed: the Capsule has until 20" in failed(run("expire", "--campaign", second, signs=True))
    assert "`ape sonar stop` ends mining" in failed(run("cancel", "--campaign", second, signs=True))
    state = one.refresh().state
    world.until(state.ends_at + state.terms.delivery_window)
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


def test_the_passphrase_of_a_new_key_is_asked_for_twice(
    world: World, run: Run, campaign_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SONAR_PASSPHRASE")
    vault = world.folder / "scientist" / "identity.vault"
    result = run("create", str(campaign_file()), "--yes", signs=True, input="seven77\nother\nseven77\nseven77\n")
    assert result.exit_code == 0, result.stderr
    assert "do not match" in result.stderr
    assert f"a new one is made in {vault}" in result.stderr
    assert "Without this file and its passphrase nobody can open it" in result.stderr
    assert "Warning: the passphrase has fewer than 8 characters." in result.stderr
    assert "seven77" not in result.stdout + result.stderr
    again = run("create", str(campaign_file(nonce=1)), "--yes", signs=True, input="seven77\n")
    assert again.exit_code == 0, again.stderr
    assert "new" not in again.stderr


def test_an_empty_passphrase_is_refused(
    world: World, run: Run, campaign_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SONAR_PASSPHRASE", "")
    assert "identity.vault is empty: set SONAR_PASSPHRASE" in failed(run("create", str(campaign_file()), signs=True))
    assert world.network().campaigns() == []


def test_what_is_signed_is_shown_first(world: World, run: Run, campaign_file: Callable[..., Path]) -> None:
    path = campaign_file(capsule_fee="5 wei")
    dry = run("create", str(path), "--dry-run", signs=True)
    assert dry.exit_code == 0, dry.stderr
    words = " ".join(dry.stdout.split())
    for part in (
        "Who falls ill",
        f"Capsule {world.capsule.sender}",
        "0.000000000000001005 ether: Bounty 0.000000000000001 ether, Capsule's fee 0.000000000000000005 ether",
        "from accuracy 0.5000 to the target 0.9500",
        "0.000001 ether per Gradient, paid by its Miner",
        "0.000000000000001 ether, posted by the Capsule",
        "2 days from the opening",
        "1: create",
        "ether, for 330,000 units",
        "does not open in time, or you cancel before",
        "nobody can contest a false score",
        "You have no OpenPGP key yet",
        "Dry run: nothing was sent.",
    ):
        assert part in words
    assert max(map(len, dry.stdout.splitlines())) <= 80
    assert not (world.folder / "scientist").exists()
    assert world.network().campaigns() == []
    assert "repeat with --yes" in failed(run("create", str(path), signs=True, input=""))


def test_gas_is_at_most_what_the_preview_says(world: World, run: Run, campaign_file: Callable[..., Path]) -> None:
    request, _ = read_campaign_file(campaign_file())
    request["bounty"] = f"1000 {world.token.symbol}"
    prepared = world.network().prepare(None, **{name: value for name, value in request.items() if name != "model"})
    preview = dict(create_preview(prepared).rows)
    assert preview["Transactions"] == "2: approve, create"
    assert f"for {GAS['approve'] + GAS['create']:,} units" in preview["Gas"]
    first = f"0x{prepared.create().id.hex()}"
    second = created(run, campaign_file(nonce=1))
    run("cancel", "--campaign", first, signs=True)
    run("refund", "--campaign", first, signs=True)
    one = world.network().campaign(second)
    world.open(one)
    run("stop", "--campaign", second, signs=True)
    state = one.refresh().state
    world.until(state.ends_at + state.terms.delivery_window)
    run("expire", "--campaign", second, signs=True)
    sent = [block.transactions for block in world.chain.blocks.range(world.start, world.chain.blocks.height + 1)]
    own = [one for transactions in sent for one in transactions if one.sender == world.account.address]
    used = [world.chain.history[one.txn_hash.hex()].gas_used for one in own]
    names = ["approve", "create", "create", "cancel", "refund", "stop", "expire"]
    assert len(used) == len(names)
    for name, gas in zip(names, used, strict=True):
        assert gas <= GAS[name] <= 2 * gas, (name, gas)


def test_the_directory_of_capsules(world: World, run: Run, campaign_file: Callable[..., Path]) -> None:
    created(run, campaign_file())
    told = run("capsules", "--json")
    assert told.exit_code == 0, (told.stderr, told.exception)
    (listing,) = json.loads(told.stdout)
    assert (listing["capsule"], listing["campaigns"], listing["open"]) == (world.capsule.sender, 1, 0)
    assert [one["symbol"] for one in listing["currencies"]] == ["ether", world.token.symbol]
    assert listing["windows"]["scoring_window"] == 60
    text = run("capsules").stdout
    assert world.capsule.sender in text
    assert "Scoring fee at least 0.000001 ether per Gradient" in text
    assert f"0 ether or 0 {world.token.symbol}; bond at most" in text


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
