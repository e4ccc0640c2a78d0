"""`open` or `decline`: the Capsule's answer to a Campaign that names it."""

from __future__ import annotations

from datetime import UTC, datetime
from time import time as unix_time

from ape_capsule.errors import CampaignRefusedError, ClockBehindError
from ape_capsule.home.prepared_moves import PreparedStart
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

#: Bits of the largest modulus that is made; larger ones take minutes and delay all other Campaigns.
LARGEST_KEY_BITS = 4096
#: Most seconds for which a bond may be locked; Campaigns with longer terms are declined.
LONGEST_BOND = 2 * 365 * 86_400
#: Failures after which a sealed message counts as one that nobody can unseal.
MOST_ATTEMPTS = 3
#: Most bytes of a reason on chain.
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


def answer(context: CapsuleContext, campaign: CampaignState, ledger: Ledger) -> list[Action]:
    """Opens a requested Campaign or declines it; waits while one of its blobs is not published yet.

    Raises:
        SonarError, OSError: nothing was answered; the next turn tries again.
    """
    try:
        prepared = context.journal.prepared(campaign.id, campaign.id, PreparedStart)
        if prepared is None:
            prepared = _prepare(context, campaign, ledger)
            context.journal.prepare(campaign.id, campaign.id, prepared)
        return [_open(context, campaign, prepared.start)]
    except (BlobNotFoundError, BlobCorruptError) as error:
        return [Action("waiting", campaign.id, one_line(error))]
    except (CampaignRefusedError, *_NOT_ITS_TERMS) as error:
        _require_clock(context, error)
        reason = _cut(one_line(error))
        context.chain.decline(campaign.id, reason)
        return [Action("declined", campaign.id, reason)]


def _open(context: CapsuleContext, campaign: CampaignState, start: CampaignStart) -> Action:
    context.chain.open(campaign.id, start, value=_post_bond(context, campaign.terms))
    bond = context.money(campaign.terms.capsule_bond, campaign.terms.currency)
    return Action("opened", campaign.id, f"at an accuracy of {from_wad(start.accuracy):.4f}, with a bond of {bond}")


def _prepare(context: CapsuleContext, campaign: CampaignState, ledger: Ledger) -> PreparedStart:
    _require_time(campaign.terms)
    inputs = _read(context, campaign, ledger)
    _require_size(context, inputs)
    _require_certificate(inputs.scientist, campaign.terms, context.chain.timestamp())
    weights = _starting_weights(inputs.model)
    accuracy = measure(inputs.model, weights, inputs.validation).accuracy
    _require_claim(campaign.terms, accuracy, len(inputs.validation.rows))
    context.pin(blobs_of(campaign.terms, inputs.spec))
    keys = context.keystore.create(campaign.id, inputs.spec.key_bits)
    encrypted = keys.encrypt(weights, inputs.packing)
    root = tensor_root(encrypted)
    context.weights.keep(campaign.id, root, weights)
    return PreparedStart(
        CampaignStart(
            public_key=context.store.put(wire.dumps_public_key(keys)),
            public_key_root=public_key_root(keys),
            model=context.store.put(wire.dumps_tensor(encrypted)),
            model_root=root,
            accuracy=accuracy,
        )
    )


def _require_clock(context: CapsuleContext, refusal: Exception) -> None:
    """Raises ClockBehindError if this machine's clock alone is the reason to decline a Campaign."""
    if isinstance(refusal.__cause__, NoValidSignatureError | CertificateError):
        lag = seconds_behind(context.chain.block_time(context.chain.newest_block()), int(unix_time()))
        if lag:
            raise ClockBehindError(lag, one_line(refusal)) from None


def _read(context: CapsuleContext, campaign: CampaignState, ledger: Ledger) -> CampaignInputs:
    try:
        return context.inputs(campaign, ledger)
    except (UnsealTimeoutError, UnsealProcessError) as error:
        if context.journal.count_attempt(campaign.terms.validation) < MOST_ATTEMPTS:
            raise
        raise CampaignRefusedError(f"the validation set cannot be unsealed: {one_line(error)}") from error


def _starting_weights(model: Model) -> IntegerTensor:
    weights = model.weights_
    if not isinstance(weights, IntegerTensor):
        raise CampaignRefusedError("the spec gives no weights to start from")
    return weights


def _require_time(terms: Terms) -> None:
    longest = terms.duration + terms.scoring_window + terms.delivery_window + terms.audit_window
    if longest > LONGEST_BOND:
        raise CampaignRefusedError(
            f"the bond would be locked for {longest // 86_400} days; this Capsule locks it for at most "
            f"{LONGEST_BOND // 86_400} days"
        )


def _require_size(context: CapsuleContext, inputs: CampaignInputs) -> None:
    largest = context.chain.capsule_terms(context.chain.sender).largest_model
    if inputs.ciphertexts > largest:
        raise CampaignRefusedError(f"the Model has {inputs.ciphertexts} ciphertexts; this Capsule takes {largest}")
    if inputs.spec.key_bits > LARGEST_KEY_BITS:
        raise CampaignRefusedError(f"a key of {inputs.spec.key_bits} bits: this Capsule makes up to {LARGEST_KEY_BITS}")


def _require_certificate(scientist: Certificate, terms: Terms, now: int) -> None:
    """Requires that the last possible delivery can still be sealed; an expired certificate would cost the bond."""
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


def _post_bond(context: CapsuleContext, terms: Terms) -> int:
    """The bond in wei to send with `open`; 0 for an ERC-20, whose allowance is given here."""
    if terms.currency == ZERO_ADDRESS:
        return terms.capsule_bond
    chain = context.chain
    allowed = chain.token_allowance(terms.currency, chain.sender, chain.address)
    if allowed < terms.capsule_bond:
        if allowed:
            chain.approve(terms.currency, 0)  # some tokens refuse to change an allowance that is not 0
        chain.approve(terms.currency, terms.capsule_bond)
    return 0


def _cut(reason: str) -> str:
    return reason.encode("utf-8", "replace")[:_LONGEST_REASON].decode("utf-8", "ignore")
