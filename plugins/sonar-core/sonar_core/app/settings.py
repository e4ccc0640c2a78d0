"""Settings of this machine: the section `sonar:` of ape-config.yaml, and environment variables of the same names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ape.api import PluginConfig
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, ValidationError
from pydantic_settings import PydanticBaseSettingsSource, SettingsConfigDict

from sonar_core.base.errors import UsageError
from sonar_core.base.strict_model import explain
from sonar_core.chain.gas_fees import HIGHEST_FEE

if TYPE_CHECKING:
    from sonar_core.store import BlobStore
    from sonar_core.store.cache import BlobCache
    from sonar_core.store.replication_backlog import Backlog


class SonarConfig(PluginConfig):  # type: ignore[misc] # Ape is not typed
    """Settings of PySonar, a Capsule and a Mine; docs/reference/settings.md lists them.

    The environment variable SONAR_<NAME>, such as SONAR_STORE, comes before the file. An empty one counts as unset.
    """

    home: Path = Path(".sonar")
    """Folder of keys, Campaigns and deployments."""

    contract: str = ""
    """Address of the Sonar contract. Empty: the deployment recorded in the home, else the address that follows from
    the contracts' code."""

    store: str = ""
    """Blob store: embedded:PATH, ipfs:MULTIADDR or the URL of an IPFS node. Several IPFS nodes, separated by commas,
    replicate each other. Empty: the folder `blobs` in the home."""

    store_timeout: PositiveFloat = 60.0
    """Seconds that a call to an IPFS node may take."""

    store_cache: NonNegativeInt = 1 << 28
    """Size limit in bytes of the cache of IPFS blobs in the home's folder `cache`; 0: no cache."""

    tidy_after: NonNegativeFloat | None = None
    """Seconds after the last dispute window of a Campaign until a service unpins its blobs. None: it keeps them."""

    confirmations: NonNegativeInt | None = None
    """Blocks on top of an event before it counts. None: as many as the network asks for."""

    highest_fee: NonNegativeInt = HIGHEST_FEE
    """Highest gas fee that the replacement of a pending transaction may offer, in wei per unit of gas."""

    poll_interval: PositiveFloat = 2.0
    """Seconds between two turns of a service."""

    log: Literal["lines", "json", "console"] = "lines"
    """Output of a service: a plain line per action on standard output, or structured logs on standard error."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Minimum level of structured logs."""

    metrics: str = ""
    """Loopback address and port on which a service serves /metrics, /healthz and /readyz. Empty: none."""

    patience: PositiveFloat = 900.0
    """Seconds that one turn of a service may take before it counts as hung."""

    stop_within: PositiveFloat = 90.0
    """Seconds that a service has to finish its turn after it was asked to end."""

    tokens: dict[int, dict[str, str]] = Field(default_factory=dict)
    """Addresses of ERC-20 tokens by chain id and symbol, so that a Bounty can be written as "1000 USDC"."""

    capsules: dict[str, str] = Field(default_factory=dict)
    """Addresses of Capsules by a name of your choice."""

    model_config = SettingsConfigDict(extra="forbid", env_prefix="SONAR_", env_ignore_empty=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type,
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment comes before the file."""
        return env_settings, init_settings

    @property
    def store_uri(self) -> str:
        """The setting `store`, or the folder `blobs` in the home."""
        return self.store or f"embedded:{self.home / 'blobs'}"

    @property
    def cache_folder(self) -> Path:
        """Folder of the cache of IPFS blobs."""
        return self.home / "cache"


def settings() -> SonarConfig:
    """The settings of the Ape project in the current folder, whichever of the plugins are installed.

    Raises:
        UsageError: the section or a variable holds an unknown name or a value that cannot be used.
    """
    from ape.utils.basemodel import ManagerAccessMixin

    try:
        # Without ape_sonar, which declares the section, Ape gives it as it is in the file.
        section: dict[str, Any] = ManagerAccessMixin.config_manager.get_config("sonar").model_dump()
        return SonarConfig(**section)
    except ValidationError as error:
        raise UsageError(f"section `sonar` of ape-config.yaml, or a variable SONAR_*: {explain(error)}") from None


def configured_store(uri: str | None = None, *, backlog: Backlog | None = None) -> BlobStore:
    """The blob store of the settings, or the one at `uri`, with the settings' time-out and cache.

    Args:
        uri: None for that of the settings.
        backlog: of a service, which replicates later what one of several nodes missed.

    Raises:
        InvalidStoreError, StoreUnavailableError: as `open_store`.
    """
    # Imported late: Ape reads the settings to print a help text.
    from sonar_core.store import open_store
    from sonar_core.store.cache import CachedStore
    from sonar_core.store.embedded import EmbeddedStore

    chosen = settings()
    store = open_store(uri or chosen.store_uri, timeout=chosen.store_timeout, backlog=backlog)
    if isinstance(store, EmbeddedStore) or not chosen.store_cache:
        return store
    return CachedStore(store, chosen.cache_folder, capacity=chosen.store_cache)


def configured_cache() -> BlobCache | None:
    """The cache of IPFS blobs on this machine; None if the settings have none."""
    from sonar_core.store.cache import BlobCache

    chosen = settings()
    return BlobCache(chosen.cache_folder, capacity=chosen.store_cache) if chosen.store_cache else None
