"""Checks of a Gradient before anything of it is decrypted: header, commitment, shape. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass

from ape_capsule.errors import MalformedGradientError
from sonar_core.protocol.gradient_bundle import Bundle
from sonar_core.protocol.structs import GradientRecord
from syft.nn import Model
from syft.paillier import EncryptedTensor, Packing


@dataclass(frozen=True, slots=True)
class CampaignRef:
    """A Campaign on a chain: what the header of a Gradient's bundle must repeat.

    Attributes:
        chain_id: EIP-155 chain id.
        contract: Sonar's address, checksummed.
        campaign: the Campaign's id, 32 bytes.
    """

    chain_id: int
    contract: str
    campaign: bytes


def check_header(bundle: Bundle, record: GradientRecord, campaign: CampaignRef) -> None:
    """Checks that a bundle is what the Miner of this submission sealed, for this campaign.

    A bundle that somebody copied from another Miner's submission, another Campaign, contract or chain fails here.

    Raises:
        MalformedGradientError: says which word differs.
    """
    pairs: dict[str, tuple[bytes | int | str, bytes | int | str]] = {
        "chain": (bundle.chain_id, campaign.chain_id),
        "contract": (bundle.contract.lower(), campaign.contract.lower()),
        "Campaign": (bundle.campaign, campaign.campaign),
        "Miner": (bundle.miner.lower(), record.miner.lower()),
        "version": (bundle.version, record.version),
    }
    for name, (found, expected) in pairs.items():
        if found != expected:
            raise MalformedGradientError(f"the bundle is for {name} {_shown(found)}, not {_shown(expected)}")


def check_commitment(bundle: Bundle, record: GradientRecord, root: bytes) -> None:
    """Checks that the bundle is the one that was committed to on chain.

    Args:
        bundle: whose header passed `check_header`.
        record: the submission.
        root: Merkle root of the bundle's ciphertexts.

    Raises:
        MalformedGradientError: it is another bundle.
    """
    if bundle.commitment(root) != record.commitment:
        raise MalformedGradientError("the bundle is not the one that was committed to")


def check_tensor(gradient: EncryptedTensor, model: Model, packing: Packing) -> None:
    """Checks by public facts alone that a Gradient can be applied to the Campaign's Model.

    Its exponent is that of a possible Model plus the Campaign's `gradient_bits`, and its bound is at most
    `FixedPoint.gradient_bound` of that Model.

    Raises:
        MalformedGradientError: the shape or the packing differs, no Model has such an exponent, or the bound is too
            large.
    """
    points, features = model.fixed_point, model.shape[0]
    if gradient.shape != model.shape:
        raise MalformedGradientError(f"the Gradient has shape {gradient.shape}, the Model {model.shape}")
    if gradient.packing != packing:
        raise MalformedGradientError(f"the Gradient is packed as {gradient.packing}, the Model as {packing}")
    head_exponent = gradient.exponent - points.gradient_bits
    if head_exponent < points.weight_exponent or not points.fits(features, head_exponent, packing):
        raise MalformedGradientError(f"no Model of this Campaign gives a Gradient of exponent {gradient.exponent}")
    largest = points.gradient_bound(features, head_exponent)
    if gradient.bound > largest:
        raise MalformedGradientError(
            f"the Gradient's bound has {gradient.bound.bit_length()} bits; {largest.bit_length()} are allowed"
        )


def _shown(value: bytes | int | str) -> str:
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
