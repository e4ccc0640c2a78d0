"""Records of deployments in the home: one file per chain, written by `ape run deploy`, read by every command."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eth_utils import is_checksum_address

from sonar_core.base.atomic_files import write_atomically
from sonar_core.base.errors import FormatError, SonarError


class DeploymentUnknownError(SonarError, LookupError):
    """No deployment of Sonar is recorded for the chain."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """Sonar on one chain.

    Attributes:
        chain_id: of the chain.
        sonar, registry: addresses.
        block: of the deployment, where followers begin.
    """

    chain_id: int
    sonar: str
    registry: str
    block: int


def record_deployment(home: Path, deployment: Deployment) -> Path:
    """Writes the record; returns its file."""
    path = _path(home, deployment.chain_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, (json.dumps(asdict(deployment), indent=2, sort_keys=True) + "\n").encode())
    return path


def find_deployment(home: Path, chain_id: int) -> Deployment:
    """The record for a chain.

    Raises:
        DeploymentUnknownError: there is none.
        FormatError: there is one, and it is no deployment record.
    """
    path = _path(home, chain_id)
    if not path.exists():
        raise DeploymentUnknownError(
            f"no deployment of Sonar on chain {chain_id} is recorded in {path.parent}: "
            "run `ape run deploy` there, or name the contract with --sonar"
        )
    try:
        return _checked(json.loads(path.read_text()), chain_id)
    except (ValueError, TypeError, KeyError) as error:
        raise FormatError(f"deployment record {path}", f"{error}: deploy again, or restore it") from None


def _checked(record: Any, chain_id: int) -> Deployment:
    deployment = Deployment(**record)
    if deployment.chain_id != chain_id:
        raise ValueError(f"it is of chain {deployment.chain_id}")
    for address in (deployment.sonar, deployment.registry):
        if not is_checksum_address(address):
            raise ValueError(f"{address!r} is no address")
    if not isinstance(deployment.block, int) or deployment.block < 0:
        raise ValueError(f"{deployment.block!r} is no block")
    return deployment


def _path(home: Path, chain_id: int) -> Path:
    return home / "deployments" / f"{chain_id}.json"
