"""A Capsule on a real (in-process) chain, with real keys and blobs; short words for what the other parties do."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ape_capsule.keys.openpgp_identity import Identity
from ape_capsule.loop import Capsule
from ape_capsule.moves.announce import announce
from ape_capsule.service import build_capsule
from sonar_core.chain.contracts import SonarContracts
from sonar_core.crypto.certificates import Key
from sonar_core.crypto.sealed_messages import seal, seal_anonymous
from sonar_core.crypto.vault import LOWEST_COST
from sonar_core.protocol.campaign_spec import CampaignSpec
from sonar_core.protocol.commitments import tensor_root
from sonar_core.protocol.gradient_bundle import Bundle, new_salt
from sonar_core.protocol.ledger import CampaignState, Ledger
from sonar_core.protocol.structs import CapsuleTerms, CurrencyOffer, CurrencyTerms, Terms
from sonar_core.protocol.units import WAD, ZERO_ADDRESS
from sonar_core.protocol.validation_set import ValidationSet
from sonar_core.service.action import Action
from sonar_core.service.observer import Observer
from sonar_core.store.artifacts import read_keyring, read_public_key, read_tensor
from sonar_core.store.embedded import EmbeddedStore
from syft import wire
from syft.nn import LinearClassifier, Model
from syft.paillier import EncryptedTensor, PublicContext, generate_paillier_keypair

ONE = 1 << 10
FEE = 10**12
PASSPHRASE = "correct horse"
_FIELDS = [{"name": name, "type": "number", "constraints": {"minimum": 0, "maximum": 1}} for name in ("age", "dose")]
_ILL = {"name": "ill", "type": "boolean"}
CAPSULE_TERMS = CapsuleTerms(
    scoring_fee=1, open_within=60, scoring_window=60, per_gradient=1, delivery_window=60, largest_model=100
)


@cache
def scientist_key() -> Key:
    return Key.generate("Data Scientist")


@cache
def key_pair() -> Any:
    """One pair for every Campaign of a test: making one takes long."""
    return generate_paillier_keypair(2048)


@cache
def rows(seed: int, count: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Encoded Inputs, and their classes: ill where age and dose together are above 1, and wrong in every tenth row."""
    inputs = np.random.default_rng(seed).integers(0, ONE + 1, (count, 2))
    ill = (inputs.sum(axis=1) > ONE) ^ (np.arange(count) % 10 == 0)
    return inputs, ill.astype(np.int64).reshape(-1, 1)


def model() -> Model:
    return LinearClassifier(inputs=2, outputs=2, mu=0.01)


def spec(**changes: Any) -> CampaignSpec:
    document = {
        "format": "sonar-campaign/1",
        "description": "Who falls ill",
        "input": {"description": "Patients", "schema": {"fields": _FIELDS}},
        "output": {"description": "Falls ill", "schema": {"fields": [_ILL]}},
        "model": model().to_spec()[0],
        "frozen": {},
        "initial": {"kind": "zeros"},
        "fixed_point": {"weight_exponent": 16, "weight_bound": 64, "gradient_bits": 8},
        "key_bits": 2048,
        "metric": "accuracy",
        "certificate": scientist_key().certificate.armoured(),
    }
    return CampaignSpec.parse({**document, **changes})


@dataclass
class KilledError(BaseException):
    """What a SIGKILL looks like from inside: nothing after it runs."""

    point: str


@dataclass
class World:
    """Everything around one Capsule.

    Attributes:
        sonar, chain: the contract, and Ape's chain manager, which moves time.
        accounts: by role.
        folder: of the Capsule's home and the blobs.
    """

    sonar: Any
    chain: Any
    accounts: dict[str, Any]
    folder: Path
    store: EmbeddedStore = field(init=False)
    start: int = field(init=False)
    nonce: int = 0

    def __post_init__(self) -> None:
        self.store = EmbeddedStore(self.folder / "blobs")
        self.start = self.chain.blocks.head.number
        self.identity = Identity.create(self.home, "Capsule", PASSPHRASE, cost=LOWEST_COST)
        self.announce(CAPSULE_TERMS)

    @property
    def home(self) -> Path:
        return self.folder / "capsule"

    def as_(self, role: str) -> SonarContracts:
        return SonarContracts(self.sonar.address, self.accounts[role])

    def announce(self, terms: CapsuleTerms, currencies: tuple[str, ...] = (ZERO_ADDRESS,)) -> None:
        offers = [CurrencyOffer(currency, CurrencyTerms(True, 0, 10**30)) for currency in currencies]
        announce(self.as_("capsule"), self.store, self.identity, terms, offers)

    def oracle(self, *, confirmations: int = 0, workers: int = 0, observer: Observer | None = None) -> Capsule:
        return build_capsule(
            self.as_("capsule"),
            self.store,
            self.home,
            PASSPHRASE,
            confirmations=confirmations,
            start_block=self.start,
            cost=LOWEST_COST,
            workers=workers,
            observer=observer,
        )

    # ------------------------------------------------------------------ Data Scientist

    def validation(self, seed: int = 1) -> ValidationSet:
        return ValidationSet.build(*rows(seed))

    def starting_accuracy(self, seed: int = 1) -> int:
        """Of weights that are all zero: every row is of the lowest class."""
        classes = rows(seed)[1]
        return int((classes == 0).sum()) * WAD // len(classes)

    def create(
        self,
        *,
        spec_bytes: bytes | None = None,
        validation: ValidationSet | None = None,
        sealed: bytes | None = None,
        **changes: Any,
    ) -> bytes:
        """A Requested Campaign."""
        validation = validation or self.validation()
        ring = read_keyring(self.store, self.as_("capsule").certificates_of(str(self.accounts["capsule"].address)))
        windows = {"open_within": 3600, "duration": 86_400, "notice_period": 600, "scoring_window": 3600}
        windows |= {"per_gradient": 60, "unavailability_window": 1800, "delivery_window": 7200, "audit_window": 0}
        terms = Terms(
            capsule=str(self.accounts["capsule"].address),
            arbiter=ZERO_ADDRESS,
            currency=ZERO_ADDRESS,
            bounty=100_000,
            capsule_fee=50,
            capsule_bond=2000,
            compensation=10,
            scoring_fee=FEE,
            starting_accuracy=self.starting_accuracy(),
            target_accuracy=WAD,
            min_improvement=10**16,
            **windows,
            scheme=1,
            spec=self.store.put(spec().to_bytes() if spec_bytes is None else spec_bytes),
            validation=self.store.put(sealed or seal(validation.to_bytes(), ring, signer=scientist_key())),
            validation_root=validation.root(),
            parent=bytes(32),
        )
        self.nonce += 1
        client, terms = self.as_("scientist"), replace(terms, **changes)
        if terms.currency != ZERO_ADDRESS:
            client.approve(terms.currency, terms.bounty + terms.capsule_fee)
        return client.create(self.nonce, terms).events[0].campaign  # type: ignore[attr-defined]

    # ------------------------------------------------------------------ Miner

    def context(self, campaign: bytes) -> PublicContext:
        start = self.state(campaign).start
        assert start is not None
        return read_public_key(self.store, start.public_key, start.public_key_root, bits=2048)

    def head(self, campaign: bytes, version: int | None = None) -> EncryptedTensor:
        models = self.state(campaign).models
        which = models[-1 if version is None else version]
        return read_tensor(self.store, which.address, which.root, self.context(campaign))

    def gradient(
        self, campaign: bytes, seed: int, *, version: int | None = None, wrong: bool = False
    ) -> EncryptedTensor:
        """An honest Gradient of a Mine's rows; with `wrong`, one that learns the opposite."""
        inputs, classes = rows(seed)
        delta = model().with_weights(self.head(campaign, version)).gradient(inputs, 1 - classes if wrong else classes)
        assert isinstance(delta, EncryptedTensor)
        return delta

    def bundle(self, campaign: bytes, gradient: EncryptedTensor, *, role: str = "miner", version: int = 0) -> Bundle:
        return Bundle(
            self.as_(role).chain_id,
            self.sonar.address,
            campaign,
            str(self.accounts[role].address),
            version,
            new_salt(),
            wire.dumps_tensor(gradient),
        )

    def submit(
        self,
        campaign: bytes,
        bundle: Bundle,
        root: bytes,
        *,
        role: str = "miner",
        version: int | None = None,
        sealed: bytes | None = None,
        publish: bool = True,
    ) -> bytes:
        """Registers a bundle and publishes it; its address."""
        if sealed is None:
            ring = read_keyring(self.store, self.state(campaign).certificates)
            sealed = seal_anonymous(bundle.to_bytes(), ring)
        address, fee = self.store.address_of(sealed), self.state(campaign).terms.scoring_fee
        registered = bundle.version if version is None else version
        self.as_(role).submit_gradient(campaign, address, bundle.commitment(root), registered, fee=fee)
        return self.store.put(sealed) if publish else address

    def submit_gradient(
        self, campaign: bytes, gradient: EncryptedTensor, *, role: str = "miner", version: int = 0
    ) -> bytes:
        return self.submit(
            campaign, self.bundle(campaign, gradient, role=role, version=version), tensor_root(gradient), role=role
        )

    # ------------------------------------------------------------------ looking, and time

    def state(self, campaign: bytes) -> CampaignState:
        client = self.as_("capsule")
        return Ledger().apply_all(client.events(self.start, client.newest_block() + 1)).campaign(campaign)

    def until(self, moment: int) -> None:
        if moment > self.chain.blocks.head.timestamp:
            self.chain.mine(timestamp=moment)

    def wait(self, seconds: int) -> None:
        self.until(self.chain.blocks.head.timestamp + seconds)

    def until_end(self, campaign: bytes) -> None:
        self.until(self.state(campaign).ends_at)


def kinds(actions: list[Action]) -> list[str]:
    return [action.kind for action in actions]
