"""`announce`: the ring of OpenPGP certificates and the terms of this Capsule."""

from __future__ import annotations

from ape_capsule.keys.openpgp_identity import Identity
from sonar_core.chain.contracts import Receipt, SonarContracts
from sonar_core.protocol.structs import CapsuleTerms, CurrencyOffer
from sonar_core.store import BlobStore


def announce(
    chain: SonarContracts, store: BlobStore, identity: Identity, terms: CapsuleTerms, offers: list[CurrencyOffer]
) -> Receipt:
    """Publishes the ring, and announces its address and the terms on chain.

    Args:
        chain: as the Capsule's account.
        store: where the ring is published.
        identity: whose current certificate the ring is.
        terms: smallest scoring fee, shortest windows, largest Model.
        offers: terms per currency; a currency that is left out keeps its terms.

    Raises:
        ChainError, StoreError: nothing was announced.
    """
    return chain.announce(store.put(identity.ring()), terms, offers)
