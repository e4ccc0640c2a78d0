"""What a party holds: balances, and what Sonar would still pay it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sonar_core.protocol.gradient_map import GradientState
from sonar_core.protocol.ledger import CampaignState
from sonar_core.protocol.structs import Status
from sonar_core.protocol.units import ZERO_ADDRESS

#: Wei that a unit of gas is counted with: what Foundry's chain asks. (That of py-evm falls from block to block.)
GAS_PRICE = 10**9
_FAILED = (Status.EXPIRED, Status.CONVICTED)


@dataclass(frozen=True, slots=True)
class Amount:
    """Wei, and the token's smallest unit."""

    coin: int = 0
    token: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.coin + other.coin, self.token + other.token)

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.coin - other.coin, self.token - other.token)

    @property
    def none(self) -> bool:
        """Nothing gained in either currency, and so nothing to weigh against a loss in the other."""
        return self.coin <= 0 and self.token <= 0


@dataclass(frozen=True, slots=True)
class Purse:
    """Some addresses that one party controls, on one chain.

    Attributes:
        addresses: all of them.
        web3: the chain.
        token_balance: of an address.
        campaigns: all there are, as their events tell.
    """

    addresses: frozenset[str]
    web3: object = field(repr=False)
    token_balance: Callable[[str], int]
    campaigns: Callable[[], Iterable[CampaignState]]

    def holds(self) -> Amount:
        """Balances, and what may still be pulled."""
        coin = sum(self.web3.eth.get_balance(address) for address in self.addresses)
        token = sum(self.token_balance(address) for address in self.addresses)
        return sum(
            (claimable(campaign, address) for campaign in self.campaigns() for address in self.addresses),
            Amount(coin, token),
        )

    def burnt(self, start: int) -> tuple[int, int]:
        """Gas used in the blocks after `start`, and the wei paid for it."""
        gas = wei = 0
        for number in range(start + 1, self.web3.eth.block_number + 1):
            for transaction in self.web3.eth.get_block(number, full_transactions=True)["transactions"]:
                if transaction["from"] in self.addresses:
                    receipt = self.web3.eth.get_transaction_receipt(transaction["hash"])
                    gas += receipt["gasUsed"]
                    wei += receipt["gasUsed"] * receipt["effectiveGasPrice"]
        return gas, wei

    def forfeited(self) -> Amount:
        """Scoring fees that went to a Capsule that is somebody else, and bonds that went to others."""
        fees = sum((self._fees_lost(campaign) for campaign in self.campaigns()), Amount())
        return sum((self._bond_lost(campaign) for campaign in self.campaigns()), fees)

    def _fees_lost(self, campaign: CampaignState) -> Amount:
        if campaign.terms.capsule in self.addresses:
            return Amount()
        spent = [one for one in campaign.gradients.values() if one.record.miner in self.addresses]
        kept = sum(not _fee_returns(campaign, gradient) for gradient in spent)
        return Amount(coin=kept * campaign.terms.scoring_fee)

    def _bond_lost(self, campaign: CampaignState) -> Amount:
        if campaign.terms.capsule not in self.addresses or campaign.recorded not in _FAILED:
            return Amount()
        own = [one for one in campaign.gradients.values() if one.record.miner in self.addresses]
        back = campaign.compensation_share() * sum(one.record.number >= campaign.valid_below for one in own)
        if campaign.scientist in self.addresses:
            others = (
                campaign.submitted
                - campaign.valid_below
                - sum(one.record.number >= campaign.valid_below for one in own)
            )
            return _in_currency(campaign, campaign.compensation_share() * others)
        return _in_currency(campaign, campaign.terms.capsule_bond - back)


def claimable(campaign: CampaignState, address: str) -> Amount:
    """What a party may still pull out of a Campaign; of one that is not settled, the most it can hope for."""
    coin = 0
    amount = 0
    for gradient in campaign.gradients.values():
        if gradient.record.miner == address:
            coin += campaign.terms.scoring_fee * (_fee_returns(campaign, gradient) and not gradient.reclaimed)
            amount += 0 if gradient.claimed else campaign.reward(gradient)
            harmed = campaign.recorded in _FAILED and gradient.record.number >= campaign.valid_below
            amount += campaign.compensation_share() * (harmed and not gradient.compensated)
    if campaign.terms.capsule == address and campaign.start is not None:
        if campaign.recorded in (Status.OPEN, Status.DELIVERED) and not campaign.bond_collected:
            amount += campaign.terms.capsule_fee + campaign.terms.capsule_bond
        if not campaign.scoring_fees_collected:
            counted = campaign.valid_below if campaign.settled_at else campaign.scored
            coin += campaign.terms.scoring_fee * counted
    if campaign.scientist == address:
        amount += campaign.refundable()
    return Amount(coin=coin) + _in_currency(campaign, amount)


def _fee_returns(campaign: CampaignState, gradient: GradientState) -> bool:
    """Whether the scoring fee is (or, before the end, may become) the Miner's again."""
    unscored = gradient.scored is None
    return unscored or bool(campaign.settled_at and gradient.record.number >= campaign.valid_below)


def _in_currency(campaign: CampaignState, amount: int) -> Amount:
    return Amount(coin=amount) if campaign.terms.currency == ZERO_ADDRESS else Amount(token=amount)
