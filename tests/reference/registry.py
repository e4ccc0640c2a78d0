"""What Capsules announced, and whether a Campaign's terms are within it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sonar_core.protocol.structs import CapsuleTerms, CurrencyOffer, CurrencyTerms, Terms
from tests.reference.message import need


@dataclass(frozen=True)
class Registry:
    """A Capsule speaks for itself alone and may replace what it said."""

    said: Mapping[str, tuple[bytes, CapsuleTerms]] = field(default_factory=dict)
    currencies: Mapping[tuple[str, str], CurrencyTerms] = field(default_factory=dict)

    def announced(
        self, capsule: str, certificates: bytes, terms: CapsuleTerms, offers: list[CurrencyOffer]
    ) -> Registry:
        """Currencies not named keep their former terms."""
        need(any(certificates), "NoCertificates")
        named = {(capsule, offer.currency): offer.terms for offer in offers}
        return Registry({**self.said, capsule: (certificates, terms)}, {**self.currencies, **named})

    def certificates_for(self, asked: Terms) -> bytes:
        """The certificates in force of a Capsule that takes such terms."""
        need(asked.capsule in self.said, "CapsuleUnknown")
        certificates, least = self.said[asked.capsule]
        currency = self.currencies.get((asked.capsule, asked.currency))
        need(currency is not None and currency.accepted, "CurrencyNotAccepted")
        assert currency is not None
        need(asked.capsule_fee >= currency.smallest_capsule_fee, "CapsuleFeeBelowTerms")
        need(asked.capsule_bond <= currency.largest_bond, "BondAboveTerms")
        need(asked.scoring_fee >= least.scoring_fee, "ScoringFeeBelowTerms")
        need(asked.open_within >= least.open_within, "OpenWithinBelowTerms")
        need(asked.scoring_window >= least.scoring_window, "ScoringWindowBelowTerms")
        need(asked.per_gradient >= least.per_gradient, "PerGradientBelowTerms")
        need(asked.delivery_window >= least.delivery_window, "DeliveryWindowBelowTerms")
        return certificates
