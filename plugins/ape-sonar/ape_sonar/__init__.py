"""PySonar: the Data Scientist's library, and what all parties of Sonar share.

import ape_sonar as sonar

with sonar.connect("ethereum:local:test", account="alice") as network:
    campaign = network.create(model, input=..., output=..., validation=(X, y), bounty="1000 USDC", ...)
    for gradient in campaign.watch():
        print(gradient.miner, gradient.rise, gradient.reward)
    trained = campaign.result()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ape import plugins

if TYPE_CHECKING:
    from ape_sonar.client import Campaign, Gradient, Sonar, connect

__all__ = ["Campaign", "Gradient", "Sonar", "connect"]


@plugins.register(plugins.Config)  # type: ignore[attr-defined] # Ape is not typed
def config_class() -> type:
    """The section `sonar:` of ape-config.yaml."""
    from sonar_core.app.settings import SonarConfig

    return SonarConfig


def __getattr__(name: str) -> Any:
    if name in __all__:
        from ape_sonar import client

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
