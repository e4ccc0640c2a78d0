"""Records of deployments: what was written is found again, and anything else is told apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sonar_core.base.errors import FormatError
from sonar_core.chain.deploy.records import Deployment, DeploymentUnknownError, find_deployment, record_deployment

SONAR, REGISTRY = "0x5FbDB2315678afecb367f032d93F642f64180aa3", "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"
DEPLOYMENT = Deployment(chain_id=1337, sonar=SONAR, registry=REGISTRY, block=12)


def test_a_record_is_found_again(tmp_path: Path) -> None:
    file = record_deployment(tmp_path / "home", DEPLOYMENT)
    assert find_deployment(tmp_path / "home", 1337) == DEPLOYMENT
    assert file == tmp_path / "home" / "deployments" / "1337.json"
    assert json.loads(file.read_text()) == {"block": 12, "chain_id": 1337, "registry": REGISTRY, "sonar": SONAR}


def test_the_newest_record_of_a_chain_counts(tmp_path: Path) -> None:
    record_deployment(tmp_path, DEPLOYMENT)
    other = Deployment(1337, REGISTRY, SONAR, 99)
    record_deployment(tmp_path, other)
    record_deployment(tmp_path, Deployment(1, SONAR, REGISTRY, 5))
    assert find_deployment(tmp_path, 1337) == other
    assert sorted(file.name for file in (tmp_path / "deployments").iterdir()) == ["1.json", "1337.json"]


def test_a_chain_without_a_record_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DeploymentUnknownError, match=r"chain 5 .*ape run deploy.*--sonar"):
        find_deployment(tmp_path, 5)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"chain_id": 5}, "it is of chain 5"),
        ({"sonar": SONAR.lower()}, "is no address"),
        ({"registry": 7}, "is no address"),
        ({"block": -1}, "is no block"),
        ({"block": "12"}, "is no block"),
        ({"owner": "me"}, "unexpected keyword"),
    ],
)
def test_a_record_with_a_wrong_field_is_refused(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    file = record_deployment(tmp_path, DEPLOYMENT)
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(FormatError, match=why) as caught:
        find_deployment(tmp_path, 1337)
    assert "1337.json" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"7", b"{}", b"\xff\xfe"])
def test_what_is_no_record_is_refused(tmp_path: Path, content: bytes) -> None:
    record_deployment(tmp_path, DEPLOYMENT).write_bytes(content)
    with pytest.raises(FormatError, match="deploy again"):
        find_deployment(tmp_path, 1337)
