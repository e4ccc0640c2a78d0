"""Sonar is found by argument, setting, record, or the address that follows from its code; a bad token is left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sonar_core.app.connection import find_connection
from sonar_core.app.settings import settings
from sonar_core.base.errors import UsageError
from sonar_core.chain.deploy.deployer import Deployer
from sonar_core.chain.deploy.records import Deployment, DeploymentUnknownError, record_deployment
from sonar_core.chain.errors import ChainError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SONAR_HOME", str(tmp_path))
    monkeypatch.delenv("SONAR_CONTRACT", raising=False)
    return tmp_path


@pytest.fixture
def deployed(chain: Any, deployer: Any) -> Deployment:
    """Sonar at the address that follows from its code, some blocks after the chain's beginning."""
    chain.mine(5)
    work = Deployer(chain.provider, deployer)
    work.carry_out(work.plan())
    block = chain.blocks.height
    chain.mine(3)
    return Deployment(chain.provider.chain_id, work.sonar, work.registry, block)


def test_without_any_record_the_address_that_follows_from_the_code_is_found(deployed: Deployment) -> None:
    found = find_connection(None)
    assert (found.chain.address, found.start_block) == (deployed.sonar, deployed.block)


def test_a_record_says_where_to_begin(deployed: Deployment, home: Path) -> None:
    record_deployment(home, Deployment(deployed.chain_id, deployed.sonar, deployed.registry, 2))
    assert find_connection(None).start_block == 2


def test_the_setting_names_another_contract_and_the_argument_comes_first(
    deployed: Deployment, sonar: Any, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_deployment(home, deployed)
    monkeypatch.setenv("SONAR_CONTRACT", str(sonar.address))
    other = find_connection(None)
    assert other.chain.address == sonar.address
    assert 0 < other.start_block < deployed.block
    assert find_connection(None, deployed.sonar).chain.address == deployed.sonar


def test_a_chain_without_sonar_says_where_it_was_looked_for(chain: Any) -> None:
    with pytest.raises(DeploymentUnknownError, match=r"no deployment .*; nothing is at 0x\w{40} either"):
        find_connection(None)


def test_an_address_that_is_none_or_has_no_contract_is_told(chain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError):
        find_connection(None, "0x12")
    monkeypatch.setenv("SONAR_CONTRACT", "0x" + "12" * 20)
    with pytest.raises(ChainError, match="no contract Sonar"):
        find_connection(None)


def test_one_bad_token_stops_nothing_and_is_named_by_its_setting(
    sonar: Any, token: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    entries = {"GOOD": str(token.address), "GONE": "0x" + "12" * 20, "BAD": "0x12"}
    known = settings().model_copy(update={"tokens": {token.provider.chain_id: entries}})
    monkeypatch.setattr("sonar_core.app.connection.settings", lambda: known)
    found = find_connection(None, str(sonar.address))
    assert [one.symbol for one in found.tokens] == ["GOOD"]
    gone, bad = found.token_problems
    assert "sonar.tokens" in gone
    assert "GONE: there is no contract ERC20" in gone
    assert "BAD: " in bad
    assert [record.getMessage() for record in caplog.records if record.name.startswith("sonar_core")] == [gone, bad]
