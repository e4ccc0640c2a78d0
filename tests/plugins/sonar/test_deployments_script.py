"""`ape run deploy`: deploys once a chain, records it, and knows a deployment that is gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ape_sonar.chain import SonarChain
from ape_sonar.deployments import Deployment, find_deployment, record_deployment
from scripts.deploy import cli

pytestmark = pytest.mark.chain


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
        return CliRunner().invoke(cli, ["--network", network, "--account", account, *options], catch_exceptions=False)

    return run


def test_contracts_are_deployed_and_recorded(deploy: Any, home: Path, chain: Any, project: Any) -> None:
    before = chain.blocks.head.number
    result = deploy()
    assert result.exit_code == 0, result.output
    recorded = find_deployment(home, chain.provider.chain_id)
    client = SonarChain(recorded.sonar)
    assert client.registry_address == recorded.registry
    assert recorded.block == before
    assert recorded.sonar in result.output


def test_a_living_deployment_is_kept_unless_asked(deploy: Any, home: Path, chain: Any) -> None:
    deploy()
    first = find_deployment(home, chain.provider.chain_id)
    height = chain.blocks.head.number
    result = deploy()
    assert result.exit_code == 0
    assert f"stands at {first.sonar} already" in result.output
    assert find_deployment(home, first.chain_id) == first
    assert chain.blocks.head.number == height, "nothing was sent"
    assert deploy("--again").exit_code == 0
    assert find_deployment(home, first.chain_id).sonar != first.sonar


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
