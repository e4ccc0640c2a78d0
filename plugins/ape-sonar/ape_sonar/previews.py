"""Previews of every transaction of `ape sonar`: amounts, times, gas, refunds, and what can go wrong."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ape_sonar.campaign import Campaign
from ape_sonar.creation import PreparedCampaign
from ape_sonar.formatting import format_accuracy, format_duration, format_time
from sonar_core.chain.contracts import SonarContracts
from sonar_core.cli.confirmation import Preview
from sonar_core.protocol.rewards import remaining_reward
from sonar_core.protocol.units import COIN, ZERO_ADDRESS, Money, format_money, from_wad

#: Share of the most frequent class from which accuracy is a poor measure.
_COMMON_CLASS = 0.8
#: Units of gas that each transaction uses at most, with an ordinary ERC-20. An estimate by the node would need the
#: approval to be in a block already.
GAS = {"create": 330_000, "approve": 60_000, "stop": 60_000, "cancel": 60_000, "expire": 70_000, "refund": 90_000}


def create_preview(prepared: PreparedCampaign) -> Preview:
    """The preview of a new Campaign."""
    terms, sonar, spec = prepared.terms, prepared.sonar, prepared.spec
    currency = sonar.currency(terms.currency)

    def money(units: int) -> str:
        return format_money(units, currency)

    transactions = ["approve", "create"] if prepared.needs_approval else ["create"]
    start, target = (format_accuracy(from_wad(one)) for one in (terms.starting_accuracy, terms.target_accuracy))
    now = sonar.chain.timestamp()
    latest_end = now + terms.open_within + terms.duration
    parameters = spec.architecture.parameters
    rows = [
        ("Campaign", spec.description or f"predicts {', '.join(spec.output.table.names)}"),
        (
            "Model",
            f"{spec.architecture.kind}, {parameters['inputs']} inputs, {parameters['outputs']} outputs, "
            f"{spec.metric} on {prepared.offer.rows} validation rows",
        ),
        ("Account", sonar.chain.sender),
        ("Capsule", sonar.capsule_label(terms.capsule)),
        (
            "Put in trust now",
            f"{prepared.escrow}: Bounty {money(terms.bounty)}, Capsule's fee {money(terms.capsule_fee)}",
        ),
        (
            "Miners can earn",
            f"{money(remaining_reward(terms, terms.starting_accuracy))}, from accuracy {start} to the target {target}",
        ),
        ("Scoring fee", f"{format_money(terms.scoring_fee)} per Gradient, paid by its Miner"),
        ("Capsule's bond", f"{money(terms.capsule_bond)}, posted by the Capsule, lost if it misses a window"),
        ("Opening", f"by the Capsule, within {format_duration(terms.open_within)}"),
        ("Mining", f"{format_duration(terms.duration)} from the opening; ends {format_time(latest_end)} at the latest"),
        ("Delivery", f"within {format_duration(terms.delivery_window)} of the end"),
        ("Rewards claimable", _claimable(terms.audit_window)),
        ("Arbiter", "none" if terms.arbiter == ZERO_ADDRESS else terms.arbiter),
        (
            "Refund",
            "all of it, if the Capsule declines, does not open in time, or you cancel before; else what is not earned, "
            "after the delivery; after a missed window the Capsule's fee and a part of its bond too",
        ),
        *_gas_rows(sonar.chain, *transactions),
    ]
    return Preview("Start a Campaign", rows, _create_warnings(prepared))


def _claimable(audit_window: int) -> str:
    return f"{format_duration(audit_window)} after the delivery" if audit_window else "at once after the delivery"


def _create_warnings(prepared: PreparedCampaign) -> list[str]:
    terms, identity = prepared.terms, prepared.sonar.identity
    warnings = ["The Capsule sees the trained Model and the validation set in plaintext: choose one that you trust."]
    if prepared.spec.metric == "accuracy":
        warnings += rare_classes_warning(prepared.validation.targets)
    if terms.arbiter == ZERO_ADDRESS:
        warnings.append("Without an arbiter nobody can contest a false score.")
    if terms.capsule_bond < terms.bounty:
        warnings.append("The bond is smaller than the Bounty: a silent Capsule may cost you more than it loses.")
    if not identity.exists:
        warnings.append(f"You have no OpenPGP key yet: one is made in {identity.path}.")
    warnings.append(f"Only the key in {identity.path}, with its passphrase, opens the delivery: keep a copy of both.")
    return warnings


def rare_classes_warning(targets: NDArray[np.int64]) -> list[str]:
    """A warning if one class has so many rows that accuracy hardly shows what the other rows teach.

    Args:
        targets: classes of the validation rows, any shape.

    >>> rare_classes_warning(np.array([0, 0, 0, 1]))
    []
    >>> rare_classes_warning(np.array([0] * 9 + [1]))[0][:52]
    '90 % of the validation rows have the same answer: a '
    """
    share = float(np.unique(targets, return_counts=True)[1].max() / targets.size)
    if share < _COMMON_CLASS:
        return []
    return [
        f"{share * 100:.0f} % of the validation rows have the same answer: a Model that always gives it scores as "
        "much, and Miners may earn nothing. Add rows of the other classes."
    ]


def stop_preview(campaign: Campaign) -> Preview:
    """The preview of `stop`."""
    notice = campaign.state.terms.notice_period
    rows = [
        *_campaign_rows(campaign),
        (
            "Mining ends",
            f"{format_duration(notice)} after the transaction, or at the end that was set if that is nearer",
        ),
        ("Gradients before", "still scored and paid"),
        *_gas_rows(campaign.contracts, "stop"),
    ]
    return Preview("Stop a Campaign", rows, ["It cannot be taken back."])


def cancel_preview(campaign: Campaign) -> Preview:
    """The preview of `cancel`."""
    rows = [
        *_campaign_rows(campaign),
        ("Refund", f"{campaign.refundable}, with `ape sonar refund` afterwards"),
        *_gas_rows(campaign.contracts, "cancel"),
    ]
    return Preview(
        "Cancel a Campaign", rows, ["If the Capsule opens it first, the transaction fails and costs its gas."]
    )


def expire_preview(campaign: Campaign) -> Preview:
    """The preview of `expire`."""
    due = campaign.state.due_at()
    rows = [
        *_campaign_rows(campaign),
        ("Missed", f"{format_time(due)} by the Capsule {campaign.state.terms.capsule}"),
        ("Then", "rewards earned so far can be claimed; fee, unspent Bounty and a part of the bond come back to you"),
        *_gas_rows(campaign.contracts, "expire"),
    ]
    return Preview("Record that the Capsule missed a window", rows)


def refund_preview(campaign: Campaign, to: str) -> Preview:
    """The preview of `refund`."""
    rows = [
        *_campaign_rows(campaign),
        ("Amount", str(campaign.refundable)),
        ("Paid to", to),
        *_gas_rows(campaign.contracts, "refund"),
    ]
    return Preview("Refund a Campaign", rows)


def _campaign_rows(campaign: Campaign) -> list[tuple[str, str]]:
    return [("Campaign", f"0x{campaign.id.hex()}"), ("Status", str(campaign.status)), ("Bounty", str(campaign.bounty))]


def _gas_rows(chain: SonarContracts, *transactions: str) -> list[tuple[str, str]]:
    gas, price = sum(GAS[name] for name in transactions), chain.gas_price()
    names = f"{len(transactions)}: {', '.join(transactions)}"
    cost = Money(gas * price, COIN)
    return [
        ("Transactions", names),
        ("Gas", f"at most about {cost}, for {gas:,} units at {_gwei(price)} gwei"),
    ]


def _gwei(wei: int) -> str:
    return f"{wei / 10**9:.4g}"
