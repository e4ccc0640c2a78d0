"""The directory of Capsules: the announced terms of each, and how its Campaigns ended. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sonar_core.protocol.ledger import CapsuleState, Ledger
from sonar_core.protocol.structs import CapsuleTerms, CurrencyTerms, Status
from sonar_core.protocol.units import COIN, Currency, Money


@dataclass(frozen=True, slots=True)
class CapsuleListing:
    """One announced Capsule.

    Attributes:
        address: of the Capsule's account.
        name: from the setting `capsules`; None if it has none there.
        terms: smallest scoring fee (wei), shortest windows (seconds), largest Model (ciphertexts).
        currencies: smallest fee and largest bond by accepted currency.
        campaigns: number of Campaigns that name the Capsule.
        open: number of those that it serves now.
        delivered, expired: number of those that ended with a delivery, or by a missed window or a conviction.
    """

    address: str
    name: str | None
    terms: CapsuleTerms
    currencies: dict[Currency, CurrencyTerms]
    campaigns: int
    open: int
    delivered: int
    expired: int

    @property
    def scoring_fee(self) -> Money:
        """Smallest scoring fee, which a Miner pays per Gradient."""
        return Money(self.terms.scoring_fee, COIN)

    def fees(self) -> list[Money]:
        """Smallest fee in each accepted currency."""
        return [Money(terms.smallest_capsule_fee, currency) for currency, terms in self.currencies.items()]

    def bonds(self) -> list[Money]:
        """Largest bond in each accepted currency."""
        return [Money(terms.largest_bond, currency) for currency, terms in self.currencies.items()]

    def as_json(self) -> dict[str, Any]:
        """The listing as a JSON document."""
        terms = self.terms
        return {
            "capsule": self.address,
            "name": self.name,
            "scoring_fee": {"amount": str(self.scoring_fee), "units": str(terms.scoring_fee)},
            "currencies": [
                {
                    "symbol": currency.symbol,
                    "currency": currency.address,
                    "smallest_capsule_fee": {
                        "amount": str(Money(one.smallest_capsule_fee, currency)),
                        "units": str(one.smallest_capsule_fee),
                    },
                    "largest_bond": {"amount": str(Money(one.largest_bond, currency)), "units": str(one.largest_bond)},
                }
                for currency, one in self.currencies.items()
            ],
            "windows": {
                "open_within": terms.open_within,
                "scoring_window": terms.scoring_window,
                "per_gradient": terms.per_gradient,
                "delivery_window": terms.delivery_window,
            },
            "largest_model": terms.largest_model,
            "campaigns": self.campaigns,
            "open": self.open,
            "delivered": self.delivered,
            "expired": self.expired,
        }


def list_capsule(
    ledger: Ledger,
    address: str,
    capsule: CapsuleState,
    currencies: dict[Currency, CurrencyTerms],
    *,
    name: str | None,
    now: int,
) -> CapsuleListing:
    """The listing of one Capsule.

    Args:
        ledger: of all Campaigns.
        address: of the Capsule's account.
        capsule: announced terms.
        currencies: accepted currencies, with their terms.
        name: of the Capsule in the settings.
        now: Unix seconds, for the Campaigns' statuses.
    """
    statuses = [campaign.status(now) for campaign in ledger.campaigns_of_capsule(address)]
    return CapsuleListing(
        address,
        name,
        capsule.terms,
        currencies,
        campaigns=len(statuses),
        open=sum(status in (Status.OPEN, Status.CLOSING) for status in statuses),
        delivered=statuses.count(Status.DELIVERED),
        expired=sum(status in (Status.EXPIRED, Status.CONVICTED) for status in statuses),
    )
