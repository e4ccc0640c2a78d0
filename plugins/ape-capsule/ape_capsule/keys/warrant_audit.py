"""The warrant log held against the chain: each decryption has its warrant, and each warrant its transaction.

What the chain tells of a Capsule's decryptions: whoever scores a Gradient, or rejects one by what is in it, has opened
it; whoever makes room in a head, or delivers it, has opened the head. What it cannot tell is a decryption that the
Capsule kept to itself: the log's worth is that an honest Capsule's is complete, and that it cannot be changed later.
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


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """Where log and chain disagree.

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
    """What the chain registered of one Capsule's Campaigns, and what it shows to be decrypted."""

    campaigns: set[bytes] = field(default_factory=set)
    submissions: dict[tuple[bytes, int], bytes] = field(default_factory=dict)
    #: Campaign and root of a head -> the first transaction that made it count.
    heads: dict[tuple[bytes, bytes], bytes] = field(default_factory=dict)
    opened_gradients: list[tuple[bytes, int]] = field(default_factory=list)
    #: Campaign, root and version of each head that was opened.
    opened_heads: list[tuple[bytes, bytes, int]] = field(default_factory=list)
    _newest: dict[bytes, tuple[bytes, int]] = field(default_factory=dict)

    def add(self, event: CampaignEvent) -> None:
        campaign, transaction = event.campaign, event.position.transaction
        match event:
            case GradientSubmitted():
                self.submissions[campaign, event.number] = transaction
            case CampaignOpened():
                self._head(event, event.start.model_root, 0)
            case GradientScored():
                self.opened_gradients.append((campaign, event.number))
                self._head(event, event.score.model_root, event.version)
            case GradientRejected() if event.unsealed_bundle != EMPTY_BYTES32:
                self.opened_gradients.append((campaign, event.number))
            case ModelRebased():
                self.opened_heads.append((campaign, *self._newest[campaign]))
                self._head(event, event.model_root, event.version)
            case CampaignDelivered():
                self.opened_heads.append((campaign, *self._newest[campaign]))

    def _head(self, event: CampaignEvent, root: bytes, version: int) -> None:
        if root != EMPTY_BYTES32:
            self.heads.setdefault((event.campaign, root), event.position.transaction)
            self._newest[event.campaign] = root, version


def audit(warrants: Sequence[Warrant], events: Iterable[Event], capsule: str) -> Iterator[Discrepancy]:
    """Every disagreement of a warrant log with the chain.

    Args:
        warrants: of the log, oldest first, its chain of digests checked.
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
    """What the chain shows to be decrypted, and the log does not."""
    gradients = {(one.campaign, one.number, one.transaction) for one in warrants if one.kind is Kind.GRADIENT}
    for campaign, number in register.opened_gradients:
        if (campaign, number, register.submissions.get((campaign, number), EMPTY_BYTES32)) not in gradients:
            yield Discrepancy(
                campaign, f"{Kind.GRADIENT.value} {number}", "it was opened, and the log has no warrant for it"
            )
    heads = {(one.campaign, one.root) for one in warrants if one.kind is Kind.MODEL}
    for campaign, root, version in register.opened_heads:
        if (campaign, root) not in heads:
            yield Discrepancy(
                campaign, f"{Kind.MODEL.value} {version}", "it was opened, and the log has no warrant for it"
            )


def _unregistered(warrants: Sequence[Warrant], register: _Register) -> Iterator[Discrepancy]:
    """Warrants that name what the chain does not hold; what a reorganisation took back was said to be so."""
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
        registered = register.heads.get((warrant.campaign, warrant.root))
    if registered is None:
        return "the chain has registered no such ciphertexts"
    if registered != warrant.transaction:
        return f"its warrant names another transaction than 0x{registered.hex()}, which registered it"
    return None
