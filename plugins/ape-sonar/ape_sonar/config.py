"""Settings of the section `sonar:` in ape-config.yaml."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from ape.api import PluginConfig
from pydantic import Field, NonNegativeInt, PositiveFloat
from pydantic_settings import SettingsConfigDict


class SonarConfig(PluginConfig):  # type: ignore[misc] # Ape is not typed
    """What PySonar, a Capsule and a Mine need to know of this machine."""

    home: Path = Path(".sonar")
    """Folder of keys, Campaigns and deployments; the environment's SONAR_HOME comes first."""

    store: str = ""
    """Where blobs are: embedded:PATH, ipfs:MULTIADDR or the URL of an IPFS node (`ape_sonar.store`).
    Empty: the folder `blobs` in the home. The environment's SONAR_STORE comes first."""

    confirmations: NonNegativeInt | None = None
    """Blocks on top of an event before it counts; None: what the network asks for."""

    poll_interval: PositiveFloat = 2.0
    """Seconds between two looks at the chain."""

    log: Literal["lines", "json", "console"] = "lines"
    """What a service writes: a plain line an action on standard output, or structured logs on standard error."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that structured logs tell."""

    metrics: str = ""
    """Where a service serves /metrics, /healthz and /readyz: a loopback address with a port. Empty: nowhere."""

    patience: PositiveFloat = 900.0
    """Seconds that one step of a service may take before it counts as hung."""

    stop_within: PositiveFloat = 90.0
    """Seconds in which a service that is asked to end finishes what is under way."""

    tokens: dict[int, dict[str, str]] = Field(default_factory=dict)
    """ERC-20s by chain id and symbol, so that a Bounty can be written as "1000 USDC"."""

    capsules: dict[str, str] = Field(default_factory=dict)
    """Addresses of Capsules by a name of your own."""

    model_config = SettingsConfigDict(extra="forbid")

    @property
    def home_folder(self) -> Path:
        """The home in force: SONAR_HOME, or the setting."""
        return Path(os.environ.get("SONAR_HOME") or self.home)

    @property
    def store_uri(self) -> str:
        """The store in force: SONAR_STORE, the setting, or a folder in the home."""
        return os.environ.get("SONAR_STORE") or self.store or f"embedded:{self.home_folder / 'blobs'}"


def settings() -> SonarConfig:
    """The settings of the project that Ape is in."""
    from ape.utils.basemodel import ManagerAccessMixin

    config = ManagerAccessMixin.config_manager.get_config("sonar")
    return config if isinstance(config, SonarConfig) else SonarConfig()
