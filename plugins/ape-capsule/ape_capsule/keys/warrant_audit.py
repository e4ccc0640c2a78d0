"""The audit of a warrant log against the chain: each decryption has its warrant, each warrant its transaction.

The chain shows these decryptions: a Gradient that was scored, or rejected for its content, and a Model that was rebased
or delivered. It cannot show a decryption that the Capsule kept secret. The log proves that an honest Capsule's record
is complete, and that nobody changed it later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ape_capsule.keys.warrant_log import Kind, Warrant
from sonar_core.protocol.events import (
    CampaignCreated,
    CampaignDelivered,
    CampaignEvent,
    CampaignOpened,
    Event,
    GradientRejected,
    GradientScored,
    GradientSubmitted,
    ModelRebased,
)
from sonar_core.protocol.structs import EMPTY_BYTES32

_NO_WARRANT = "it was decrypted, and the log has no warrant for it"


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """A disagreement of log and chain.

    Attributes:
        campaign: id.
        what: "gradient 3" or "model 1".
        why: what is wrong with it.
    """

    campaign: bytes
    what: str
    why: str

    def __str__(self) -> str:
        return f"Campaign 0x{self.campaign.hex()}, {self.what}: {self.why}"


@dataclass
class _Register:
    """Ciphertexts of one Capsule's Campaigns: which the chain registered, and which it shows to be decrypted."""

    campaigns: set[bytes] = field(default_factory=set)
    submissions: dict[tuple[bytes, int], bytes] = field(default_factory=dict)
    #: Campaign and root of a Model -> the first transaction that registered it.
    models: dict[tuple[bytes, bytes], bytes] = field(default_factory=dict)
    decrypted_gradients: list[tuple[bytes, int]] = field(default_factory=list)
    #: Campaign, root and version of each Model that was decrypted.
    decrypted_models: list[tuple[bytes, bytes, int]] = field(default_factory=list)
    _newest: dict[bytes, tuple[bytes, int]] = field(default_factory=dict)

    def add(self, event: CampaignEvent) -> None:
        campaign, transaction = event.campaign, event.position.transaction
        match event:
            case GradientSubmitted():
                self.submissions[campaign, event.number] = transaction
            case CampaignOpened():
                self._model(event, event.start.model_root, 0)
            case GradientScored():
                self.decrypted_gradients.append((campaign, event.number))
                self._model(event, event.score.model_root, event.version)
            case GradientRejected() if event.unsealed_bundle != EMPTY_BYTES32:
                self.decrypted_gradients.append((campaign, event.number))
            case ModelRebased():
                self.decrypted_models.append((campaign, *self._newest[campaign]))
                self._model(event, event.model_root, event.version)
            case CampaignDelivered():
                self.decrypted_models.append((campaign, *self._newest[campaign]))

    def _model(self, event: CampaignEvent, root: bytes, version: int) -> None:
        if root != EMPTY_BYTES32:
            self.models.setdefault((event.campaign, root), event.position.transaction)
            self._newest[event.campaign] = root, version


def audit(warrants: Sequence[Warrant], events: Iterable[Event], capsule: str) -> Iterator[Discrepancy]:
    """Every disagreement of a warrant log with the chain.

    Args:
        warrants: of this chain, oldest first; the log's digests are checked.
        events: all of Sonar, in order.
        capsule: address of the Capsule's account.
    """
    register = _Register()
    for event in events:
        if isinstance(event, CampaignCreated) and event.capsule == capsule:
            register.campaigns.add(event.campaign)
        if isinstance(event, CampaignEvent) and event.campaign in register.campaigns:
            register.add(event)
    yield from _unwarranted(warrants, register)
    yield from _unregistered(warrants, register)


def _unwarranted(warrants: Sequence[Warrant], register: _Register) -> Iterator[Discrepancy]:
    """Decryptions that the chain shows and the log lacks."""
    gradients = {(one.campaign, one.number, one.transaction) for one in warrants if one.kind is Kind.GRADIENT}
    for campaign, number in register.decrypted_gradients:
        if (campaign, number, register.submissions.get((campaign, number), EMPTY_BYTES32)) not in gradients:
            yield Discrepancy(campaign, f"{Kind.GRADIENT.value} {number}", _NO_WARRANT)
    models = {(one.campaign, one.root) for one in warrants if one.kind is Kind.MODEL}
    for campaign, root, version in register.decrypted_models:
        if (campaign, root) not in models:
            yield Discrepancy(campaign, f"{Kind.MODEL.value} {version}", _NO_WARRANT)


def _unregistered(warrants: Sequence[Warrant], register: _Register) -> Iterator[Discrepancy]:
    """Warrants for ciphertexts that the chain lacks; those before a line `rewound` were taken back, and are excused."""
    taken_back: set[bytes] = set()
    found = []
    for warrant in reversed(warrants):
        if warrant.kind is Kind.REWOUND:
            taken_back.add(warrant.campaign)
        elif warrant.campaign not in taken_back:
            found.append(warrant)
    for warrant in reversed(found):
        why = _objection(warrant, register)
        if why:
            yield Discrepancy(warrant.campaign, str(warrant), why)


def _objection(warrant: Warrant, register: _Register) -> str | None:
    if warrant.campaign not in register.campaigns:
        return "the chain has no such Campaign of this Capsule"
    if warrant.kind is Kind.GRADIENT:
        registered = register.submissions.get((warrant.campaign, warrant.number))
    else:
        registered = register.models.get((warrant.campaign, warrant.root))
    if registered is None:
        return "the chain has registered no such ciphertexts"
    if registered != warrant.transaction:
        return f"its warrant names another transaction than 0x{registered.hex()}, which registered it"
    return None
