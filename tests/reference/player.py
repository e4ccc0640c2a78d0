"""Plays the reference's moves on the contracts, and reads both states in the same words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from eth_abi import encode
from eth_utils import keccak

from ape_sonar.contract_errors import ContractError
from ape_sonar.ledger import CampaignState, GradientState
from ape_sonar.terms import GradientRecord, Next, Opening, Score, Scored
from tests.reference.campaign import Campaign, Kept
from tests.reference.histories import Move
from tests.stage import blob

NOTHING = bytes(32)


class Player:
    """The chain's side of a history. Preimages come from events, as every party has them."""

    def __init__(self, stage, accounts: dict[str, Any]) -> None:
        self._stage = stage
        self._clients = {role: stage.as_(account) for role, account in accounts.items()}
        self.look = stage.as_(None)

    def play(self, move: Move, ledger) -> str:
        """The contracts' error without its suffix, or "" when the move went through."""
        client, state = self._clients[move.role], ledger.campaigns.get(move.campaign)
        arguments = dict(move.arguments)
        try:
            match move.function:
                case "create":
                    client.create(arguments["nonce"], arguments["terms"])
                case "open":
                    key = blob("key") if arguments["content"] else NOTHING
                    opening = Opening(key, blob("root"), blob("model"), blob("model root"), arguments["accuracy"])
                    client.open(move.campaign, opening, value=arguments["value"])
                case "score_gradient" | "reject_gradient":
                    self._judge(client, move, state)
                case "rebase":
                    client.rebase(move.campaign, self._content(arguments), blob("root"), blob("evidence"))
                case "deliver":
                    client.deliver(move.campaign, self._content(arguments), blob("openings"))
                case "submit_gradient":
                    fee, version = arguments["fee"], arguments["version"]
                    content = self._content(arguments)
                    client.submit_gradient(move.campaign, content, blob("commitment"), version, fee=fee)
                case "claim" | "reclaim_voided_fees":
                    call = getattr(client, move.function)
                    call(move.campaign, self._each(state, arguments, _scored), arguments["to"])
                case "reclaim_fees":
                    client.reclaim_fees(move.campaign, self._each(state, arguments, _record), arguments["to"])
                case "convict":
                    gradient = _gradient(state, arguments["number"])
                    first_false = _scored(gradient, arguments["number"], arguments["forged"])
                    client.convict(move.campaign, gradient.record.miner, first_false)
                case _:
                    getattr(client, move.function)(move.campaign, **arguments)
        except ContractError as error:
            return type(error).__name__.removesuffix("Error")
        return ""

    def _judge(self, client, move: Move, state: CampaignState | None) -> None:
        arguments = move.arguments
        number = arguments["number"]
        record = _record(_gradient(state, number), number, arguments["forged"])
        after = state.gradients.get(number + 1) if state else None
        following = after.record.as_next() if after else Next.none()
        if arguments["next_forged"]:
            following = Next(following.due + 1, following.core)
        if move.function == "reject_gradient":
            client.reject_gradient(move.campaign, record, arguments["reason"], NOTHING, blob("evidence"), following)
            return
        model, opened = blob("model") if arguments["model"] else NOTHING, self._content(arguments)
        score = Score(arguments["accuracy"], 4, model, blob("root"), opened, blob("evidence"))
        client.score_gradient(move.campaign, record, score, following)

    @staticmethod
    def _content(arguments: dict[str, Any]) -> bytes:
        return blob("content") if arguments["content"] else NOTHING

    @staticmethod
    def _each(state, arguments, preimage) -> list[Any]:
        numbers, forged = arguments["numbers"], arguments["forged"]
        return [preimage(_gradient(state, number), number, forged) for number in numbers]

    def chain_view(self, campaign: bytes) -> dict[str, Any]:
        """Every getter of a Campaign."""
        look = self.look
        record = look.campaign_of(campaign)
        return {
            "submitted": record.submitted,
            "scored": record.scored,
            "accuracy": record.accuracy,
            "version": record.version,
            "recorded": record.recorded,
            "ends at": record.ends_at,
            "start": record.starting_accuracy if record.accuracy or record.version or record.due else 0,
            "settled at": record.settled_at,
            "sound": record.sound,
            "paid": (record.refunded, record.bond_collected, record.scoring_fees_collected),
            "status": look.status_of(campaign),
            "due": look.due_of(campaign),
            "claims open at": look.claims_open_at(campaign),
            "refundable": look.refundable(campaign),
            "earned": look.earned(campaign, record.accuracy),
            "digests": [look.digest_of(campaign, number) for number in range(record.submitted)],
        }


def reference_view(c: Campaign, now: int) -> dict[str, Any]:
    return {
        "submitted": len(c.gradients),
        "scored": c.scored,
        "accuracy": c.accuracy,
        "version": c.version,
        "recorded": c.recorded,
        "ends at": c.ends_at,
        "settled at": c.settled_at,
        "sound": c.sound,
        "paid": (c.refunded, c.bond_collected, c.fees_collected),
        "status": c.status(now),
        "due": c.due(),
        "claims open at": c.claims_open_at,
        "refundable": c.refundable(),
        "earned": c.earned(c.accuracy),
    }


def ledger_view(state: CampaignState, now: int) -> dict[str, Any]:
    """The state rebuilt from events; what it says of digests is what the chain must keep, word for word."""
    return {
        "submitted": state.submitted,
        "scored": state.scored,
        "accuracy": state.accuracy,
        "version": state.model.version if state.models else 0,
        "recorded": state.recorded,
        "ends at": state.ends_at,
        "settled at": state.settled_at,
        "sound": state.sound,
        "paid": (state.refunded, state.bond_collected, state.scoring_fees_collected),
        "status": state.status(now),
        "due": state.due_at(),
        "claims open at": state.claims_open_at(),
        "refundable": state.refundable(),
        "earned": state.terms.bounty - state.payable(),
    }


def expected_digest(kept: Kept, gradient: GradientState) -> bytes:
    """The word that a Gradient leaves on chain."""
    match kept:
        case Kept.SUBMITTED:
            return gradient.record.digest()
        case Kept.SCORED:
            assert gradient.scored is not None
            return gradient.scored.digest(gradient.record.miner)
        case Kept.COMPENSABLE:
            return keccak(encode(["uint256", "address"], [3, gradient.record.miner]))
    return NOTHING


def kept_by_ledger(state: CampaignState, gradient: GradientState) -> Kept:
    if gradient.claimed or gradient.compensated:
        return Kept.NOTHING
    if gradient.reclaimed:
        return Kept.COMPENSABLE if state.share() else Kept.NOTHING
    return Kept.SCORED if gradient.scored else Kept.SUBMITTED


def _gradient(state: CampaignState | None, number: int) -> GradientState:
    """The Gradient of that number, or one made up where there is none."""
    if state and number in state.gradients:
        return state.gradients[number]
    return GradientState(GradientRecord(number, "0x" + "11" * 20, blob("no bundle"), blob("none"), 0, 1, 2))


def _record(gradient: GradientState, number: int, forged: bool) -> GradientRecord:
    return replace(gradient.record, bundle=blob("forged")) if forged else gradient.record


def _scored(gradient: GradientState, number: int, forged: bool) -> Scored:
    scored = gradient.scored or Scored(number, 0, 10**17, blob("nothing"))
    return replace(scored, afterwards=scored.afterwards + 1) if forged else scored
