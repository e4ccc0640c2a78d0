"""A Campaign as its Data Scientist sees it: a snapshot of the chain, and the transactions that end it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

from ape_sonar import notebook
from ape_sonar.campaign_facts import LIVE, campaign_facts, gradient_facts, verdict
from ape_sonar.delivery_verification import NotDeliveredError, open_delivery
from ape_sonar.trained_model import TrainedModel
from ape_sonar.watch_display import open_display
from sonar_core.app.settings import settings
from sonar_core.protocol.content_address import to_cid
from sonar_core.protocol.gradient_map import GradientState
from sonar_core.protocol.ledger import CampaignState
from sonar_core.protocol.structs import Status
from sonar_core.protocol.units import Currency, Money, from_wad
from sonar_core.store.artifacts import LARGEST_DELIVERY

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ape_sonar.client import Sonar


@dataclass(frozen=True, slots=True)
class Gradient:
    """One Gradient of a Campaign.

    Attributes:
        number: position in the queue, from 0.
        miner: address of the Miner.
        before, after, rise: accuracy of the newest Model before and after it, and their difference; 0 to 1.
        reward: amount that it earned.
        verdict: "improved", "no improvement", "malformed", "unavailable" or "waiting".
    """

    number: int
    miner: str
    before: Decimal
    after: Decimal
    reward: Money
    verdict: str

    @property
    def rise(self) -> Decimal:
        return self.after - self.before

    @property
    def is_waiting(self) -> bool:
        """True until the Capsule has scored or rejected it."""
        return self.verdict == "waiting"


class GradientList(list[Gradient]):
    """Gradients in order of submission; a notebook shows them as a table."""

    def _repr_html_(self) -> str:
        return notebook.gradient_table(self)


class Campaign:
    """One Campaign. Its properties describe the chain as it was at the last `refresh`, and read nothing.

    Args:
        sonar: connection that the Campaign belongs to.
        state: from the ledger.
        now: time of the snapshot, Unix seconds by the chain's clock.

    Attributes:
        id: 32 bytes.
        state: everything that the Campaign's events say.
        contracts: client of the contracts.
    """

    def __init__(self, sonar: Sonar, state: CampaignState, now: int) -> None:
        self._sonar, self._now = sonar, now
        self.id, self.state, self.contracts = state.id, state, sonar.chain

    def __repr__(self) -> str:
        return f"Campaign(0x{self.id.hex()}, {self.status})"

    def _repr_html_(self) -> str:
        return notebook.campaign_table(self)

    def refresh(self) -> Self:
        """Reads the chain again, and returns the Campaign itself. Raises LedgerError, ChainError."""
        self.state, self._now = self._sonar.ledger().campaign(self.id), self.contracts.timestamp()
        return self

    # ------------------------------------------------------------------ the snapshot

    @property
    def status(self) -> Status:
        """Status at the time of the snapshot; `print` shows it as a word."""
        return self.state.status(self._now)

    @property
    def has_ended(self) -> bool:
        """True if nothing is mined, scored or delivered any more."""
        return self.status not in LIVE

    @property
    def currency(self) -> Currency:
        """Currency of Bounty, Capsule's fee and bond."""
        return self._sonar.currency(self.state.terms.currency)

    @property
    def bounty(self) -> Money:
        """Amount put in trust for the Miners."""
        return Money(self.state.terms.bounty, self.currency)

    @property
    def escrow(self) -> Money:
        """Amount that the Data Scientist put in trust: Bounty and Capsule's fee."""
        return Money(self.state.terms.bounty + self.state.terms.capsule_fee, self.currency)

    @property
    def remaining_reward(self) -> Money:
        """Amount that Miners can still earn; nothing once the Campaign has ended."""
        return Money(0 if self.has_ended else self.state.remaining_reward(), self.currency)

    @property
    def earned(self) -> Money:
        """Sum of the rewards that Miners have earned so far."""
        return Money(self.state.rewards_earned() if self.state.start else 0, self.currency)

    @property
    def refundable(self) -> Money:
        """Amount that `refund` would pay once the Campaign is settled."""
        return Money(self.state.refundable(), self.currency)

    @property
    def starting_accuracy(self) -> Decimal:
        """Accuracy that the Model started from: the Data Scientist's claim until the Capsule has measured it."""
        return from_wad(self.state.starting_accuracy)

    @property
    def accuracy(self) -> Decimal:
        """Accuracy of the newest Model on the validation set, 0 to 1; the starting accuracy before it is open."""
        return from_wad(self.state.accuracy if self.state.start else self.state.starting_accuracy)

    @property
    def target_accuracy(self) -> Decimal:
        """Accuracy beyond which nothing is paid."""
        return from_wad(self.state.terms.target_accuracy)

    @property
    def ends_at(self) -> datetime:
        """End of mining; of a Requested Campaign, the latest time at which its Capsule may open it."""
        return datetime.fromtimestamp(self.state.ends_at, UTC)

    @property
    def time_left(self) -> timedelta:
        """Time until `ends_at`, at least 0."""
        return timedelta(seconds=max(0, self.state.ends_at - self._now))

    @property
    def delivery_address(self) -> str | None:
        """Content address of the sealed delivery (a CIDv0); None before the Capsule has delivered."""
        return to_cid(self.state.delivery) if self.state.delivery else None

    def gradients(self) -> GradientList:
        """All Gradients so far, in order of submission."""
        return GradientList(self._gradient(gradient) for _, gradient in sorted(self.state.gradients.items()))

    def facts(self) -> dict[str, Any]:
        """The Campaign as a JSON document (`campaign_facts`)."""
        return campaign_facts(self.state, self._now, self.currency)

    def gradient_facts(self) -> list[dict[str, Any]]:
        """Its Gradients as JSON documents, in order of submission."""
        return [gradient_facts(self.state, number, self.currency) for number in sorted(self.state.gradients)]

    def plot(self) -> Figure:
        """A matplotlib figure: accuracy and target per Gradient, and the reward of each.

        Raises:
            PlotUnavailableError: matplotlib is not installed (extra `plot`).
        """
        from ape_sonar.plot import plot_campaign

        return plot_campaign(self)

    # ------------------------------------------------------------------ following

    def watch(self, *, poll_interval: float | None = None, progress: bool | None = None) -> Iterator[Gradient]:
        """Yields each Gradient when it is scored or rejected, until the Campaign has ended.

        Args:
            poll_interval: seconds between two reads of the chain; None for the setting `poll_interval`.
            progress: show accuracy, target and time left while waiting; None: in a terminal and in a notebook.

        Raises:
            LedgerError, ChainError: the chain cannot be read.
        """
        seen = 0
        with open_display(progress) as show:
            while True:
                # One snapshot per round: a Gradient scored while the caller is busy comes with the next.
                self.refresh()
                show(self)
                done = [gradient for gradient in self.gradients() if not gradient.is_waiting]
                yield from done[seen:]
                seen = len(done)
                if self.has_ended:
                    return
                time.sleep(poll_interval or settings().poll_interval)

    # ------------------------------------------------------------------ transactions

    def stop(self) -> None:
        """Ends mining after the notice period. Raises ContractError."""
        self.contracts.stop(self.id)
        self.refresh()

    def cancel(self) -> None:
        """Takes the Campaign back before its Capsule opens it. Raises ContractError."""
        self.contracts.cancel(self.id)
        self.refresh()

    def expire(self) -> None:
        """Records that the Capsule missed a window. Raises ContractError."""
        self.contracts.expire(self.id)
        self.refresh()

    def refund(self, to: str | None = None) -> Money:
        """Pays out what belongs to the Data Scientist, and returns the amount.

        Args:
            to: address that is paid; None for the account.

        Raises:
            ContractError: nothing is due yet, or the account is not the Campaign's Data Scientist.
        """
        amount = self.refresh().refundable
        self.contracts.refund(self.id, to or self.contracts.sender)
        self.refresh()
        return amount

    # ------------------------------------------------------------------ the result

    def result(self) -> TrainedModel:
        """The trained Model, unsealed with the Data Scientist's key and checked (`delivery_verification`).

        Raises:
            NotDeliveredError: the Capsule has not delivered.
            DeliveryFalseError: the delivery is not the Model that was trained.
            DraftError, VaultError, SealError, StoreError: key, validation set or delivery cannot be read.
        """
        state, sonar = self.refresh().state, self._sonar
        if not state.delivery:
            raise NotDeliveredError(state)
        own = sonar.own_validation(self.id)
        return open_delivery(sonar.store, sonar.keys, state, own)

    def sealed_result(self) -> bytes:
        """The delivery as the Capsule published it: an OpenPGP message to the Data Scientist's key.

        Raises:
            NotDeliveredError: the Capsule has not delivered.
            StoreError: it cannot be fetched.
        """
        state = self.refresh().state
        if not state.delivery:
            raise NotDeliveredError(state)
        return self._sonar.store.get(state.delivery, limit=LARGEST_DELIVERY)

    def _gradient(self, gradient: GradientState) -> Gradient:
        state, scored = self.state, gradient.scored
        before, after = (scored.accuracy_before, scored.accuracy_after) if scored else (state.accuracy, state.accuracy)
        reward = Money(state.reward(gradient), self.currency)
        number, miner = gradient.record.number, gradient.record.miner
        return Gradient(number, miner, from_wad(before), from_wad(after), reward, verdict(gradient))
