"""Settings of the section `sonar:` in ape-config.yaml."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from ape.api import PluginConfig
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat
from pydantic_settings import SettingsConfigDict

from sonar_core.chain.gas_fees import HIGHEST_FEE
from sonar_core.store import BlobStore, open_store
from sonar_core.store.cache import BlobCache, CachedStore
from sonar_core.store.embedded import EmbeddedStore
from sonar_core.store.replication_backlog import Backlog


class SonarConfig(PluginConfig):  # type: ignore[misc] # Ape is not typed
    """What PySonar, a Capsule and a Mine need to know of this machine."""

    home: Path = Path(".sonar")
    """Folder of keys, Campaigns and deployments; the environment's SONAR_HOME comes first."""

    store: str = ""
    """Where blobs are: embedded:PATH, ipfs:MULTIADDR or the URL of an IPFS node (`sonar_core.store`).
    Several IPFS nodes, with commas between, stand in for each other. Empty: the folder `blobs` in the home.
    The environment's SONAR_STORE comes first."""

    store_timeout: PositiveFloat = 60.0
    """Seconds that one call to an IPFS node may wait for its answer."""

    store_cache: NonNegativeInt = 1 << 28
    """Most bytes of blobs from IPFS that are kept in the home's folder `cache`; 0: none."""

    tidy_after: NonNegativeFloat | None = None
    """Seconds after which a service lets go of a Campaign's blobs, once nobody can dispute anything of it any more.
    None: it keeps them. What is unpinned goes from a node's disk when the node collects."""

    confirmations: NonNegativeInt | None = None
    """Blocks on top of an event before it counts; None: what the network asks for."""

    highest_fee: NonNegativeInt = HIGHEST_FEE
    """Most wei a unit of gas that a transaction which waits too long for its block is sent again with."""

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


def configured_store(uri: str | None = None, *, backlog: Backlog | None = None) -> BlobStore:
    """The store in force, or the one at `uri`, with the time-out and the cache of the settings.

    Args:
        uri: None for the one in force.
        backlog: of a service, which makes up for what one of several nodes missed.

    Raises:
        InvalidStoreError, StoreUnavailableError: as `open_store`.
    """
    chosen = settings()
    store = open_store(uri or chosen.store_uri, timeout=chosen.store_timeout, backlog=backlog)
    if isinstance(store, EmbeddedStore) or not chosen.store_cache:
        return store
    return CachedStore(store, _cache_folder(chosen), capacity=chosen.store_cache)


def configured_cache() -> BlobCache | None:
    """Copies of blobs from IPFS on this machine; None where the settings keep none."""
    chosen = settings()
    return BlobCache(_cache_folder(chosen), capacity=chosen.store_cache) if chosen.store_cache else None


def _cache_folder(chosen: SonarConfig) -> Path:
    return chosen.home_folder / "cache"


def settings() -> SonarConfig:
    """The settings of the project that Ape is in."""
    from ape.utils.basemodel import ManagerAccessMixin

    config = ManagerAccessMixin.config_manager.get_config("sonar")
    return config if isinstance(config, SonarConfig) else SonarConfig()
