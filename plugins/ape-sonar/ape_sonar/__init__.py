"""PySonar, the Data Scientist's library.

import ape_sonar

with ape_sonar.connect("ethereum:devnet:node", account="alice") as sonar:
    campaign = sonar.create(model, input=..., output=..., validation=(X, y), bounty="1000 USDC", ...)
    for gradient in campaign.watch():
        print(gradient.miner, gradient.rise, gradient.reward)
    trained = campaign.result()
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ape import plugins

if TYPE_CHECKING:
    from ape_sonar.campaign import Campaign, Gradient
    from ape_sonar.campaign_drafts import DraftError
    from ape_sonar.campaign_offer import OfferError
    from ape_sonar.capsule_directory import CapsuleListing
    from ape_sonar.client import CampaignUnknownError, Sonar, connect, connect_active
    from ape_sonar.creation import CampaignOptions, CapsuleUnknownError, FundsMissingError, PreparedCampaign
    from ape_sonar.delivery_verification import DeliveryFalseError, NotDeliveredError
    from ape_sonar.identity_vault import KeyExistsError, KeyMissingError
    from ape_sonar.model_file import load
    from ape_sonar.trained_model import TrainedModel
    from sonar_core.base.errors import FormatError, SchemaError, SonarError, SpecError, UsageError
    from sonar_core.chain.contract_errors import ContractError
    from sonar_core.chain.errors import ChainError, NoAccountError
    from sonar_core.crypto.vault import VaultError
    from sonar_core.data.row_errors import ColumnError, RowError
    from sonar_core.protocol.structs import Status
    from sonar_core.protocol.units import Currency, Money
    from sonar_core.store import StoreError

__all__ = [
    "Campaign",
    "CampaignOptions",
    "CampaignUnknownError",
    "CapsuleListing",
    "CapsuleUnknownError",
    "ChainError",
    "ColumnError",
    "ContractError",
    "Currency",
    "DeliveryFalseError",
    "DraftError",
    "FormatError",
    "FundsMissingError",
    "Gradient",
    "KeyExistsError",
    "KeyMissingError",
    "Money",
    "NoAccountError",
    "NotDeliveredError",
    "OfferError",
    "PreparedCampaign",
    "RowError",
    "SchemaError",
    "Sonar",
    "SonarError",
    "SpecError",
    "Status",
    "StoreError",
    "TrainedModel",
    "UsageError",
    "VaultError",
    "connect",
    "connect_active",
    "load",
]

#: Public name -> the module that defines it. Imported when it is used: `ape --help` imports this package.
_MODULES = {
    "Campaign": "ape_sonar.campaign",
    "CampaignOptions": "ape_sonar.creation",
    "CampaignUnknownError": "ape_sonar.client",
    "CapsuleListing": "ape_sonar.capsule_directory",
    "CapsuleUnknownError": "ape_sonar.creation",
    "ChainError": "sonar_core.chain.errors",
    "ColumnError": "sonar_core.data.row_errors",
    "ContractError": "sonar_core.chain.contract_errors",
    "Currency": "sonar_core.protocol.units",
    "DeliveryFalseError": "ape_sonar.delivery_verification",
    "DraftError": "ape_sonar.campaign_drafts",
    "FormatError": "sonar_core.base.errors",
    "FundsMissingError": "ape_sonar.creation",
    "Gradient": "ape_sonar.campaign",
    "KeyExistsError": "ape_sonar.identity_vault",
    "KeyMissingError": "ape_sonar.identity_vault",
    "Money": "sonar_core.protocol.units",
    "NoAccountError": "sonar_core.chain.errors",
    "NotDeliveredError": "ape_sonar.delivery_verification",
    "OfferError": "ape_sonar.campaign_offer",
    "PreparedCampaign": "ape_sonar.creation",
    "RowError": "sonar_core.data.row_errors",
    "SchemaError": "sonar_core.base.errors",
    "Sonar": "ape_sonar.client",
    "SonarError": "sonar_core.base.errors",
    "SpecError": "sonar_core.base.errors",
    "Status": "sonar_core.protocol.structs",
    "StoreError": "sonar_core.store",
    "TrainedModel": "ape_sonar.trained_model",
    "UsageError": "sonar_core.base.errors",
    "VaultError": "sonar_core.crypto.vault",
    "connect": "ape_sonar.client",
    "connect_active": "ape_sonar.client",
    "load": "ape_sonar.model_file",
}


@plugins.register(plugins.Config)  # type: ignore[attr-defined] # Ape is not typed
def config_class() -> type:
    """The section `sonar:` of ape-config.yaml."""
    from sonar_core.app.settings import SonarConfig

    return SonarConfig


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
