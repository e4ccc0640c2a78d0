"""The Capsule's answer to a requested Campaign: open it, or decline with a reason."""

from __future__ import annotations

from datetime import UTC, datetime
from time import time as unix_time

from ape_capsule.errors import CampaignRefusedError, ClockBehindError
from ape_capsule.home.state import Prepared
from ape_capsule.moves.campaign_inputs import CampaignInputs, blobs_of
from ape_capsule.moves.context import CapsuleContext
from ape_capsule.scoring.score import claim_holds, measure
from sonar_core.base.errors import one_line
from sonar_core.chain.contract_errors import (
    BondAboveTermsError,
    CapsuleFeeBelowTermsError,
    CurrencyNotAcceptedError,
    DeliveryWindowBelowTermsError,
    OpenWithinBelowTermsError,
    PerGradientBelowTermsError,
    ScoringFeeBelowTermsError,
    ScoringWindowBelowTermsError,
)
from sonar_core.crypto.certificates import Certificate, CertificateError
from sonar_core.crypto.sealed_messages import NoValidSignatureError, UnsealProcessError, UnsealTimeoutError
from sonar_core.protocol.commitments import public_key_root, tensor_root
from sonar_core.protocol.ledger import CampaignState, Ledger
from sonar_core.protocol.structs import CampaignStart, Terms
from sonar_core.protocol.units import ZERO_ADDRESS, from_wad
from sonar_core.service.action import Action
from sonar_core.service.clock_skew import seconds_behind
from sonar_core.store import BlobCorruptError, BlobNotFoundError
from syft import wire
from syft.nn import Model
from syft.paillier import IntegerTensor

#: Longer moduli take minutes to make, and keep every other Campaign waiting.
LARGEST_KEY_BITS = 4096
#: Seconds for which a bond may lie on chain: longer terms are declined.
LONGEST_BOND = 2 * 365 * 86_400
#: How often a message may fail to open before it counts as one that cannot be opened.
MOST_ATTEMPTS = 3
#: Bytes of a reason that the contract takes.
_LONGEST_REASON = 256

_NOT_ITS_TERMS = (
    BondAboveTermsError,
    CurrencyNotAcceptedError,
    DeliveryWindowBelowTermsError,
    CapsuleFeeBelowTermsError,
    OpenWithinBelowTermsError,
    PerGradientBelowTermsError,
    ScoringFeeBelowTermsError,
    ScoringWindowBelowTermsError,
)


def answer(desk: CapsuleContext, campaign: CampaignState, ledger: Ledger) -> list[Action]:
    """Opens a requested Campaign or declines it; waits while something is not published yet.

    Raises:
        SonarError, OSError: nothing was answered, and the next step tries again.
    """
    try:
        prepared = desk.state.prepared(campaign.id, "open", campaign.id)
        return [_open(desk, campaign, prepared or _prepare(desk, campaign, ledger))]
    except (BlobNotFoundError, BlobCorruptError) as error:
        return [Action("waiting", campaign.id, one_line(error))]
    except (CampaignRefusedError, *_NOT_ITS_TERMS) as error:
        _require_clock(desk, error)
        reason = _cut(one_line(error))
        desk.chain.decline(campaign.id, reason)
        return [Action("declined", campaign.id, reason)]


def _open(desk: CapsuleContext, campaign: CampaignState, prepared: Prepared) -> Action:
    start = CampaignStart(
        public_key=prepared.digest("public_key"),
        public_key_root=prepared.digest("public_key_root"),
        model=prepared.digest("model"),
        model_root=prepared.digest("model_root"),
        accuracy=prepared.number("accuracy"),
    )
    desk.chain.open(campaign.id, start, value=_post_bond(desk, campaign.terms))
    return Action("opened", campaign.id, f"starts at an accuracy of {from_wad(start.accuracy):.4f}")


def _prepare(desk: CapsuleContext, campaign: CampaignState, ledger: Ledger) -> Prepared:
    _require_time(campaign.terms)
    material = _read(desk, campaign, ledger)
    _require_size(desk, material)
    _require_certificate(material.scientist, campaign.terms, desk.chain.timestamp())
    weights = _starting_weights(material.model)
    accuracy = measure(material.model, weights, material.validation).accuracy
    _require_claim(campaign.terms, accuracy, len(material.validation.rows))
    desk.pin(blobs_of(campaign.terms, material.spec))
    context = desk.keystore.create(campaign.id, material.spec.key_bits)
    encrypted = context.encrypt(weights, desk.packing(campaign, material))
    root = tensor_root(encrypted)
    desk.heads.keep(campaign.id, root, weights)
    return desk.state.prepare(
        campaign.id,
        "open",
        campaign.id,
        public_key=desk.store.put(wire.dumps_public_key(context)),
        public_key_root=public_key_root(context),
        model=desk.store.put(wire.dumps_tensor(encrypted)),
        model_root=root,
        accuracy=accuracy,
    )


def _require_clock(desk: CapsuleContext, refusal: Exception) -> None:
    """Raises ClockBehindError where a Campaign would be declined for what this machine's clock says alone."""
    if isinstance(refusal.__cause__, NoValidSignatureError | CertificateError):
        lag = seconds_behind(desk.chain.block_time(desk.chain.newest_block()), int(unix_time()))
        if lag:
            raise ClockBehindError(lag, one_line(refusal)) from None


def _read(desk: CapsuleContext, campaign: CampaignState, ledger: Ledger) -> CampaignInputs:
    try:
        return desk.material(campaign, ledger)
    except (UnsealTimeoutError, UnsealProcessError) as error:
        if desk.state.count_attempt(campaign.terms.validation) < MOST_ATTEMPTS:
            raise
        raise CampaignRefusedError(f"the validation set cannot be opened: {one_line(error)}") from error


def _starting_weights(model: Model) -> IntegerTensor:
    weights = model.weights_
    if not isinstance(weights, IntegerTensor):
        raise CampaignRefusedError("the spec gives no weights to start from")
    return weights


def _require_time(terms: Terms) -> None:
    bound = terms.duration + terms.scoring_window + terms.delivery_window + terms.audit_window
    if bound > LONGEST_BOND:
        raise CampaignRefusedError(
            f"the bond would lie for {bound // 86_400} days, and at most {LONGEST_BOND // 86_400} are served"
        )


def _require_size(desk: CapsuleContext, material: CampaignInputs) -> None:
    features, outputs = material.model.shape
    packing = material.model.fixed_point.packing(material.spec.key_bits, (features, outputs))
    ciphertexts = features * packing.plaintexts(outputs)
    largest = desk.chain.capsule_terms(desk.chain.sender).largest_model
    if ciphertexts > largest:
        raise CampaignRefusedError(f"the Model takes {ciphertexts} ciphertexts, and at most {largest} are taken")
    if material.spec.key_bits > LARGEST_KEY_BITS:
        raise CampaignRefusedError(f"a key of {material.spec.key_bits} bits: at most {LARGEST_KEY_BITS} are made")


def _require_certificate(scientist: Certificate, terms: Terms, now: int) -> None:
    """What is delivered at the last moment can still be sealed: or the bond is lost to a certificate that expired."""
    try:
        scientist.recipient()
    except CertificateError as error:
        raise CampaignRefusedError(one_line(error)) from error
    last = now + terms.open_within + terms.duration + terms.scoring_window + terms.delivery_window
    if scientist.expires is not None and scientist.expires <= datetime.fromtimestamp(min(last, 2**35), UTC):
        raise CampaignRefusedError(
            f"the Data Scientist's certificate expires on {scientist.expires:%Y-%m-%d}, too early"
        )


def _require_claim(terms: Terms, accuracy: int, rows: int) -> None:
    if not claim_holds(terms.starting_accuracy, accuracy, rows):
        claimed, measured = from_wad(terms.starting_accuracy), from_wad(accuracy)
        raise CampaignRefusedError(f"the starting accuracy is {measured:.4f}, not {claimed:.4f} as claimed")
    if accuracy >= terms.target_accuracy:
        raise CampaignRefusedError(f"the Model starts at the target: its accuracy is {from_wad(accuracy):.4f}")


def _post_bond(desk: CapsuleContext, terms: Terms) -> int:
    """The value to send along; an ERC-20's allowance is given first."""
    if terms.currency == ZERO_ADDRESS:
        return terms.capsule_bond
    allowed = desk.chain.token_allowance(terms.currency, desk.chain.sender, desk.chain.address)
    if allowed < terms.capsule_bond:
        if allowed:
            desk.chain.approve(terms.currency, 0)  # some tokens refuse to change an allowance that is not 0
        desk.chain.approve(terms.currency, terms.capsule_bond)
    return 0


def _cut(reason: str) -> str:
    return reason.encode("utf-8", "replace")[:_LONGEST_REASON].decode("utf-8", "ignore")
