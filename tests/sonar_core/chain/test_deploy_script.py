"""`ape run deploy` and `ape sonar verify`: one address a commit, and its code held to the commit's."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ape_sonar._cli import cli as sonar_cli
from scripts.deploy import cli
from sonar_core.chain.bytecode import registry_code, sonar_code
from sonar_core.chain.contracts import SonarContracts
from sonar_core.chain.deploy.code_verification import BytecodeMismatchError
from sonar_core.chain.deploy.code_verification import verify as compare
from sonar_core.chain.deploy.create2 import PROXY, PROXY_PRICE, create2_address
from sonar_core.chain.deploy.deployer import Deployer
from sonar_core.chain.deploy.records import Deployment, find_deployment, record_deployment
from sonar_core.chain.errors import FundsError

pytestmark = pytest.mark.chain


@pytest.fixture(autouse=True)
def fresh(chain: Any) -> Iterator[None]:
    """A chain on which nothing of this stands yet. By the node itself: Ape loses its snapshots in the commands."""
    before = chain.provider.snapshot()
    yield
    chain.provider.restore(before)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SONAR_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def deploy(home: Path, chain: Any) -> Any:
    """Runs the script on the network that the test is on."""
    if chain.provider.name != "test":
        pytest.skip("the script would start a node of its own: only py-evm is shared within a process")
    network = chain.provider.network_choice

    def run(*options: str, account: str = "TEST::0") -> Result:
        written = ["--standard-json", str(home / "sonar.standard.json")]
        arguments = ["--network", network, "--account", account, *written, *(options or ("--yes",))]
        return CliRunner().invoke(cli, arguments, catch_exceptions=False)

    return run


def _account(place: int) -> str:
    from ape import accounts

    return str(accounts.test_accounts[place].address)


def test_contracts_are_deployed_where_their_code_says_and_recorded(deploy: Any, home: Path, chain: Any) -> None:
    result = deploy()
    assert result.exit_code == 0, result.output
    recorded = find_deployment(home, chain.provider.chain_id)
    assert SonarContracts(recorded.sonar).registry_address == recorded.registry
    assert recorded.sonar == create2_address(sonar_code(recorded.registry))
    assert recorded.registry == create2_address(registry_code())
    assert recorded.sonar in result.output
    code = chain.provider.web3.eth.get_code
    assert code(recorded.registry, recorded.block)
    assert not code(recorded.registry, recorded.block - 1), "followers begin where the contracts do"


def test_a_dry_run_shows_addresses_and_cost_and_sends_nothing(deploy: Any, home: Path, chain: Any) -> None:
    height = chain.blocks.head.number
    result = deploy("--dry-run")
    assert result.exit_code == 0, result.output
    assert chain.blocks.head.number == height
    assert not (home / "deployments").exists()
    shown = re.findall(r"(0x[0-9a-fA-F]{40})\s+to deploy, about ([0-9,]+) gas", result.output)
    assert [address for address, _ in shown] == [
        PROXY,
        create2_address(registry_code()),
        Deployer(chain.provider).sonar,
    ]
    balance = chain.provider.web3.eth.get_balance(_account(0))
    deploy()
    spent = sum(int(gas.replace(",", "")) for _, gas in shown) * chain.provider.gas_price + PROXY_PRICE
    assert balance - chain.provider.web3.eth.get_balance(_account(0)) == pytest.approx(spent, rel=0.1)


def test_nothing_is_sent_without_a_yes(deploy: Any, home: Path, chain: Any) -> None:
    height = chain.blocks.head.number
    result = deploy("--again")
    assert result.exit_code == 1
    assert "nothing was sent" in result.output
    assert chain.blocks.head.number == height


def test_deployed_again_it_sends_nothing(deploy: Any, home: Path, chain: Any) -> None:
    deploy()
    first = find_deployment(home, chain.provider.chain_id)
    height = chain.blocks.head.number
    result = deploy()
    assert result.exit_code == 0
    assert f"stands at {first.sonar} already" in result.output
    assert find_deployment(home, first.chain_id) == first
    assert chain.blocks.head.number == height, "nothing was sent"


def test_what_another_deployed_is_found_with_its_block(deploy: Any, home: Path, chain: Any) -> None:
    deploy()
    first = find_deployment(home, chain.provider.chain_id)
    chain.mine(7)
    next((home / "deployments").iterdir()).unlink()
    height = chain.blocks.head.number
    assert deploy(account="TEST::1").exit_code == 0
    assert find_deployment(home, first.chain_id) == first
    assert chain.blocks.head.number == height


def test_a_crash_between_the_two_contracts_loses_nothing(deploy: Any, home: Path, chain: Any, accounts: Any) -> None:
    deployer = Deployer(chain.provider, accounts[0])
    deployer.carry_out(deployer.plan()[:2])
    assert [piece.stands for piece in deployer.plan()] == [True, True, False]
    assert deploy().exit_code == 0
    assert [piece.stands for piece in deployer.plan()] == [True, True, True]


def test_a_living_deployment_of_another_commit_is_kept_unless_asked(
    deploy: Any, home: Path, chain: Any, sonar: Any
) -> None:
    other = Deployment(chain.provider.chain_id, sonar.address, sonar.registry(), 0)
    record_deployment(home, other)
    result = deploy()
    assert f"another commit stands at {sonar.address}" in result.output
    assert find_deployment(home, other.chain_id) == other
    assert deploy("--again", "--yes").exit_code == 0
    assert find_deployment(home, other.chain_id).sonar != sonar.address


@pytest.mark.parametrize("place", ["nothing", "token", "another registry"])
def test_a_deployment_that_is_gone_is_deployed_anew(
    deploy: Any, home: Path, chain: Any, request: Any, place: str
) -> None:
    nobody = "0x" + "1" * 40
    sonar = nobody if place == "nothing" else request.getfixturevalue("token" if place == "token" else "sonar").address
    gone = Deployment(chain.provider.chain_id, sonar, nobody, 0)
    record_deployment(home, gone)
    assert deploy().exit_code == 0
    assert find_deployment(home, gone.chain_id).sonar != sonar


def test_an_account_without_funds_sends_nothing(home: Path, chain: Any, accounts: Any) -> None:
    poor = accounts.generate_test_account()
    deployer = Deployer(chain.provider, poor)
    with pytest.raises(FundsError, match=str(poor.address)):
        deployer.carry_out(deployer.plan())
    assert [piece.stands for piece in deployer.plan()] == [False, False, False]


def test_the_standard_json_compiles_to_what_is_deployed(deploy: Any, home: Path) -> None:
    deploy()
    written = (home / "sonar.standard.json").read_bytes()
    solc = Path(__file__).parents[3] / ".solc" / "solc-v0.8.30"
    ran = subprocess.run([solc, "--standard-json"], input=written, capture_output=True, check=True)
    made = json.loads(ran.stdout)["contracts"]
    for name in ("Sonar", "CapsuleRegistry"):
        creation = made[f"contracts/{name}.sol"][name]["evm"]["bytecode"]["object"]
        assert (
            resources.files("sonar_core.chain.bytecode").joinpath(f"{name}.hex").read_text().strip() == "0x" + creation
        )


# ------------------------------------------------------------------ ape sonar verify


@pytest.fixture
def verify(home: Path, chain: Any) -> Any:
    if chain.provider.name != "test":
        pytest.skip("the command would start a node of its own: only py-evm is shared within a process")

    def run(*options: str) -> Result:
        return CliRunner().invoke(sonar_cli, ["verify", "--network", chain.provider.network_choice, *options])

    return run


def test_this_commits_contracts_are_verified_wherever_they_stand(
    deploy: Any, verify: Any, home: Path, sonar: Any
) -> None:
    deploy()
    assert json.loads(verify("--json").output)["verified"]
    elsewhere = verify("--sonar", sonar.address)
    assert elsewhere.exit_code == 0
    assert "this commit's" in elsewhere.output


def test_other_code_is_told_with_its_first_byte_that_differs(verify: Any, sonar: Any, chain: Any) -> None:
    web3 = chain.provider.web3
    code, registry = sonar_code(sonar.registry()), sonar.registry()
    # Sources that differ in a comment compile to code that differs in the digest at its end, and does the same.
    place = len(code) - 32 - 20
    other = code[:place] + bytes([code[place] ^ 1]) + code[place + 1 :]
    sent = web3.eth.send_transaction({"from": _account(0), "data": other, "gas": 8_000_000})
    address = web3.eth.wait_for_transaction_receipt(sent)["contractAddress"]
    result = verify("--sonar", address)
    assert result.exit_code == 1
    assert result.output.startswith(f"error: the Sonar at {address} is not the one of this commit")
    at = place - (len(code) - 32 - len(web3.eth.get_code(sonar.address)))
    assert f"other from byte {at} on" in result.output
    with pytest.raises(BytecodeMismatchError) as mismatch:
        compare(web3, address, registry)
    assert mismatch.value.at == at


def test_a_foreign_registry_is_not_verified(verify: Any, project: Any, deployer: Any, token: Any) -> None:
    sonar = deployer.deploy(project.Sonar, token)
    result = verify("--sonar", sonar.address)
    assert result.exit_code == 1
    assert f"the CapsuleRegistry at {token.address}" in result.output


# ------------------------------------------------------------------ bad input


def test_a_damaged_record_is_one_line_and_nothing_is_sent(deploy: Any, home: Path, chain: Any) -> None:
    record_deployment(home, Deployment(chain.provider.chain_id, "0x" + "1" * 40, "0x" + "1" * 40, 0)).write_text("{")
    height = chain.blocks.head.number
    result = deploy()
    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    assert result.output.startswith("error: deployment record ")
    assert chain.blocks.head.number == height


def test_an_account_that_is_not_there_is_a_usage_error(deploy: Any) -> None:
    assert deploy(account="nobody-we-know").exit_code == 2
