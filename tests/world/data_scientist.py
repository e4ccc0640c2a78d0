"""A Data Scientist and a Capsule whose every word a test can change, on py-evm and with real keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ape_capsule.keys.openpgp_identity import Identity
from ape_sonar import Campaign, Sonar
from sonar_core.chain.contracts import SonarContracts
from sonar_core.crypto.certificates import parse_certificate
from sonar_core.protocol.commitments import openings_root, public_key_root, tensor_root
from sonar_core.protocol.delivery import Delivery
from sonar_core.protocol.structs import CampaignStart, CapsuleTerms, CurrencyOffer, CurrencyTerms, Score
from sonar_core.protocol.units import ZERO_ADDRESS, Currency
from sonar_core.store.artifacts import read_frozen, read_spec, read_tensor
from sonar_core.store.embedded import EmbeddedStore
from syft import wire
from syft.paillier import Openings, PrivateContext, generate_paillier_keypair

PASSPHRASE = "only in tests"
CHEAP = 1 << 10
FEE = 10**12

INPUT = {
    "fields": [
        {"name": "age", "type": "integer", "constraints": {"minimum": 0, "maximum": 120}},
        {"name": "dose", "type": "number", "constraints": {"minimum": 0, "maximum": 8}},
    ]
}
OUTPUT = {"fields": [{"name": "ill", "type": "string", "constraints": {"enum": ["no", "yes"]}}]}
AGES = [20, 30, 40, 50, 60, 70, 80, 90, 100, 110]
VALIDATION = (
    {"age": AGES, "dose": [0.5 * place for place in range(10)]},
    ["no"] * 4 + ["yes"] * 6,
)


@cache
def key_pair() -> PrivateContext:
    return PrivateContext(generate_paillier_keypair(2048)[1])


@dataclass
class Lies:
    """What a Capsule changes in a delivery before it is sealed, signed and announced."""

    delivery: Callable[[Delivery], Delivery] = lambda honest: honest
    openings: Callable[[Openings], Openings] = lambda honest: honest
    root: Callable[[bytes], bytes] = lambda honest: honest
    signer: Identity | None = None


class World:
    """Sonar with one announced Capsule and one Data Scientist."""

    def __init__(self, sonar: Any, chain: Any, scientist: Any, capsule: Any, token: Any, folder: Path) -> None:
        self.chain, self.folder, self.contract = chain, folder, sonar
        self.start = chain.blocks.head.number
        self.store = EmbeddedStore(folder / "blobs")
        self.token = Currency(str(token.address), token.symbol(), token.decimals())
        self.capsule = SonarContracts(sonar.address, capsule)
        self.identity = Identity.create(folder / "capsule", "Capsule", PASSPHRASE, cost=CHEAP)
        self.account = scientist
        served = CurrencyTerms(True, 0, 10**30)
        offers = [CurrencyOffer(ZERO_ADDRESS, served), CurrencyOffer(self.token.address, served)]
        terms = CapsuleTerms(FEE, 60, 60, 1, 60, 10_000)
        self.capsule.announce(self.store.put(self.identity.ring()), terms, offers)

    def network(self, passphrase: str = PASSPHRASE, account: Any = None) -> Sonar:
        """PySonar, as after a restart."""
        return Sonar(
            SonarContracts(self.contract.address, account or self.account),
            self.store,
            self.folder / "scientist",
            passphrase,
            start_block=self.start,
            tokens=[self.token],
            capsules={"the capsule": self.capsule.sender},
            cost=CHEAP,
        )

    def open(self, campaign: Campaign) -> None:
        state = campaign.refresh().state
        spec = read_spec(self.store, state.terms.spec)
        model = spec.initial_model(read_frozen(self.store, spec)).encrypt(key_pair()).weights_
        start = CampaignStart(
            self.store.put(wire.dumps_public_key(key_pair())),
            public_key_root(key_pair()),
            self.store.put(wire.dumps_tensor(model)),
            tensor_root(model),
            state.terms.starting_accuracy,
        )
        self.capsule.open(campaign.id, start, value=self._bond(campaign))

    def _bond(self, campaign: Campaign) -> int:
        terms = campaign.state.terms
        if terms.currency == ZERO_ADDRESS:
            return terms.capsule_bond
        self.capsule.approve(terms.currency, terms.capsule_bond)
        return 0

    def submit(self, campaign: Campaign, miner: Any) -> None:
        chain = SonarContracts(self.contract.address, miner)
        chain.submit_gradient(campaign.id, b"b" * 32, b"c" * 32, 0, fee=FEE)

    def score(self, campaign: Campaign, accuracy: int) -> None:
        """Says that the oldest Gradient leads to this accuracy, whatever it holds."""
        state = campaign.refresh().state
        assert state.oldest_unscored is not None
        improved = accuracy > state.accuracy
        model = state.model.address if improved else bytes(32)
        score = Score(accuracy, 4, model, state.model.root, b"o" * 32, b"e" * 32)
        self.capsule.score_gradient(campaign.id, state.oldest_unscored.record, score, state.next_in_queue)

    def deliver(self, campaign: Campaign, lies: Lies | None = None) -> None:
        """At the end of mining: the head opened, sealed and announced; truly, unless told otherwise."""
        lies = lies or Lies()
        self.until(campaign.refresh().state.ends_at)
        state, context = campaign.state, key_pair()
        head = read_tensor(self.store, state.model.address, state.model.root, context)
        openings = lies.openings(context.open(head))
        delivery = Delivery(
            campaign.id,
            state.model.version,
            state.model.address,
            state.accuracy,
            wire.dumps_openings(openings, context),
        )
        spec = read_spec(self.store, state.terms.spec)
        recipient = parse_certificate(spec.certificate.encode())
        sealed = (lies.signer or self.identity).seal_to(lies.delivery(delivery).to_bytes(), recipient)
        self.capsule.deliver(campaign.id, self.store.put(sealed), lies.root(openings_root(context, openings)))

    def until(self, moment: int) -> None:
        if moment > self.chain.blocks.head.timestamp:
            self.chain.mine(timestamp=moment)


def fresh_inputs() -> np.ndarray:
    return np.array([[25, 1.0], [95, 4.0]])
