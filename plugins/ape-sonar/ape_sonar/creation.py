"""Creates a Campaign: checks and computes everything first, then publishes, then sends, each step only once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ape_sonar.campaign_builder import (
    Frozen,
    Texts,
    encode_validation,
    fit_to_schemas,
    propose_for,
    request_digest,
    weigh_classes,
    write_spec,
)
from ape_sonar.campaign_drafts import Draft
from ape_sonar.campaign_offer import CampaignOffer, OfferError
from sonar_core.base.errors import SonarError, UsageError
from sonar_core.crypto.sealed_messages import seal
from sonar_core.data.row_encoder import RowEncoder
from sonar_core.protocol.campaign_spec import CampaignSpec
from sonar_core.protocol.content_address import to_cid
from sonar_core.protocol.structs import EMPTY_BYTES32, Status, Terms
from sonar_core.protocol.units import ZERO_ADDRESS, Money, parse_address, parse_duration, parse_money, to_wad
from sonar_core.protocol.validation_set import ValidationSet
from sonar_core.store.artifacts import read_keyring
from syft.nn import Model
from syft.paillier import DEFAULT_BITS, IntegerTensor

if TYPE_CHECKING:
    from ape_sonar.campaign import Campaign
    from ape_sonar.client import Sonar

#: An amount with its unit, such as "2 USDC".
Amount = str | Money
#: A duration with its unit, such as "90 minutes".
Duration = str | timedelta
#: A number from 0 to 1, or a text such as "85%".
Accuracy = Decimal | float | str

_AMOUNTS = ("capsule_fee", "capsule_bond", "compensation", "scoring_fee")
_WINDOWS = (
    "open_within",
    "notice_period",
    "scoring_window",
    "per_gradient",
    "unavailability_window",
    "delivery_window",
    "audit_window",
)
#: Stands for the certificate until the request is sent, so that a dry run makes no key.
_NO_CERTIFICATE = "-----BEGIN PGP PUBLIC KEY BLOCK-----"


class FundsMissingError(SonarError, ValueError):
    """The account does not hold the amount that it offers; says how much is missing."""


class CapsuleUnknownError(SonarError, LookupError):
    """The Capsule has never announced itself to this Sonar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignOptions:
    """Everything of a Campaign that has a default.

    Attributes:
        description, input_description, output_description: for people.
        starting_accuracy: a claim about the starting accuracy; None: measured exactly.
        seed: of small random initial weights; None: weights of zero.
        key_bits: bits of the homomorphic key.
        nonce: another number makes another Campaign of the same kind.
        arbiter: address that may convict the Capsule of a false score; None: nobody may.
        capsule_fee: paid to the Capsule for a delivery, in the Bounty's currency; None: the Capsule's smallest.
        capsule_bond: posted by the Capsule, in the Bounty's currency; None: as much as the Bounty.
        compensation: the most that one unscored Gradient takes of a lost bond, in the Bounty's currency; None: the
            scoring fee if the Bounty is in the chain's coin, else 0.
        scoring_fee: paid by a Miner per Gradient, in the chain's coin; None: the Capsule's smallest.
        min_improvement: smallest rise of the accuracy that counts; None: one row of the validation set.
        open_within: time that the Capsule has to open the Campaign; None: 1 hour.
        notice_period: time from `stop` to the end of mining; None: 1 hour.
        scoring_window: time that the Capsule has to score the oldest Gradient; None: 1 hour.
        per_gradient: further time for each Gradient before it in the queue; None: 2 minutes.
        unavailability_window: time after which a Gradient whose blob is missing may be rejected; None: 30 minutes.
        delivery_window: time that the Capsule has to deliver; None: 1 day.
        audit_window: time from delivery until rewards can be claimed; None: 1 day with an arbiter, else none.

    A window that is None is raised to the shortest that the Capsule announced.
    """

    description: str = ""
    input_description: str = ""
    output_description: str = ""
    starting_accuracy: Accuracy | None = None
    seed: int | None = None
    key_bits: int = DEFAULT_BITS
    nonce: int = 0
    arbiter: str | None = None
    capsule_fee: Amount | None = None
    capsule_bond: Amount | None = None
    compensation: Amount | None = None
    scoring_fee: Amount | None = None
    min_improvement: Accuracy | None = None
    open_within: Duration | None = None
    notice_period: Duration | None = None
    scoring_window: Duration | None = None
    per_gradient: Duration | None = None
    unavailability_window: Duration | None = None
    delivery_window: Duration | None = None
    audit_window: Duration | None = None


@dataclass(frozen=True, slots=True)
class PreparedCampaign:
    """A Campaign that was checked and computed, and of which nothing was written or sent.

    Attributes:
        sonar: connection that `create` sends through.
        request: digest of the request, by which a repetition is known.
        nonce: of the Campaign.
        model: the Model, without weights.
        spec: the spec, without the certificate.
        validation: the validation set.
        offer: terms that the Data Scientist chose.
        terms: all terms; the content addresses in it follow when it is sent.
        blobs: public blobs that the spec names.
        draft: an earlier request that was the same; None without one.
        existing: the Campaign that it created; None without one.
    """

    sonar: Sonar
    request: bytes
    nonce: int
    model: Model
    spec: CampaignSpec
    validation: ValidationSet
    offer: CampaignOffer
    terms: Terms
    blobs: tuple[bytes, ...]
    draft: Draft | None
    existing: Campaign | None

    @property
    def escrow(self) -> Money:
        """Amount that `create` puts in trust: Bounty and Capsule's fee."""
        return Money(self.terms.bounty + self.terms.capsule_fee, self.sonar.currency(self.terms.currency))

    @property
    def needs_approval(self) -> bool:
        """True if a transaction has to let Sonar take the ERC-20 first."""
        terms, chain = self.terms, self.sonar.chain
        if terms.currency == ZERO_ADDRESS:
            return False
        return chain.token_allowance(terms.currency, chain.sender, chain.address) < self.escrow.units

    def create(self) -> Campaign:
        """Publishes the blobs and puts the Bounty in trust, unless both was done before.

        Raises:
            FundsMissingError: the account does not hold the amount.
            ContractError, ChainError, StoreError, VaultError: from below.
        """
        if self.draft is not None and self.existing is not None:
            self.sonar.drafts.mark_created(self.draft)
            return self.existing
        draft = self.draft or self._new_draft()
        self._publish(draft)
        self._send(draft)
        return self.sonar.campaign(draft.campaign)

    def _new_draft(self) -> Draft:
        """Writes everything of the Campaign to disk, before any of it is anywhere else."""
        sonar, terms, own = self.sonar, self.terms, self.validation
        self.require_funds()
        key = sonar.own_key()
        document = {**self.spec.model_dump(mode="json", exclude_unset=True), "certificate": key.certificate.armoured()}
        spec = CampaignSpec.parse(document).to_bytes()
        ring = read_keyring(sonar.store, sonar.chain.certificates_of(terms.capsule))
        sealed = seal(own.to_bytes(), ring, signer=key)
        terms = replace(
            terms,
            spec=sonar.store.address_of(spec),
            validation=sonar.store.address_of(sealed),
            validation_root=own.root(),
        )
        draft = Draft(
            request=self.request,
            nonce=self.nonce,
            chain_id=sonar.chain.chain_id,
            contract=sonar.chain.address.lower(),
            scientist=sonar.chain.sender.lower(),
            campaign=sonar.chain.id_of(sonar.chain.sender, self.nonce, terms),
            terms=terms,
        )
        to_self = seal(own.to_bytes(), [key.certificate], signer=key)
        sonar.drafts.add(draft, spec=spec, validation=sealed, own_validation=to_self)
        return draft

    def _publish(self, draft: Draft) -> None:
        for name in ("spec.json", "validation.pgp"):
            self.sonar.store.put(self.sonar.drafts.part(draft.campaign, name))
        for blob in self.blobs:
            self.sonar.store.put(blob)

    def _send(self, draft: Draft) -> None:
        """Puts the Bounty in trust, unless an earlier attempt did."""
        chain, terms = self.sonar.chain, draft.terms
        if chain.status_of(draft.campaign) is Status.NONE:
            self.require_funds()
            if self.needs_approval:
                chain.approve(terms.currency, self.escrow.units)
            chain.create(draft.nonce, terms)
        self.sonar.drafts.mark_created(draft)

    def require_funds(self) -> None:
        """Raises FundsMissingError unless the account holds `escrow`."""
        chain, needed = self.sonar.chain, self.escrow
        sender, currency = chain.sender, needed.currency
        in_coin = currency.address == ZERO_ADDRESS
        held = chain.coin_balance(sender) if in_coin else chain.token_balance(currency.address, sender)
        if held < needed.units:
            raise FundsMissingError(
                f"account {sender} holds {Money(held, currency)}, and {needed} are needed: fund it with "
                f"{Money(needed.units - held, currency)} more"
            )


def prepare(
    sonar: Sonar,
    model: Model | None,
    *,
    input: Any,  # noqa: A002 - the protocol's word
    output: Any,
    validation: tuple[Any, Any],
    bounty: Amount,
    capsule: str,
    lasts: Duration,
    target_accuracy: Accuracy,
    texts: Mapping[str, Sequence[Mapping[str, Any]]] | None,
    parent: Campaign | None,
    options: CampaignOptions,
) -> PreparedCampaign:
    """Checks a request and computes everything that follows from it; see `Sonar.prepare`."""
    sonar.require_account()
    made = Texts.of(texts, lambda blob: to_cid(sonar.store.address_of(blob)))
    encoder = RowEncoder(input, output, made.columns)
    rows, targets = encode_validation(encoder, validation)
    chosen = propose_for(encoder, len(rows)) if model is None else fit_to_schemas(model, encoder)
    model = weigh_classes(chosen, encoder, targets)
    frozen = Frozen.of(model)
    initial = _initial(parent, options.seed)
    spec = write_spec(
        model,
        description=options.description,
        input_description=options.input_description,
        output_description=options.output_description,
        input_schema=input,
        output_schema=output,
        texts=made.described,
        frozen_cid=to_cid(sonar.store.address_of(frozen.data)) if frozen.data else None,
        initial=initial,
        key_bits=options.key_bits,
        certificate=_NO_CERTIFICATE,
    )
    amount, currency = _amount(sonar, "bounty", bounty)
    start = spec.initial_model(frozen.tensors, parent=_weights_of(parent))
    measured = start.evaluate(rows, targets).accuracy
    claimed = options.starting_accuracy
    offer = CampaignOffer(
        capsule=sonar.capsule_address(capsule),
        currency=currency,
        bounty=amount,
        duration=_duration("lasts", lasts),
        target_accuracy=_accuracy("target_accuracy", target_accuracy),
        starting_accuracy=measured if claimed is None else _accuracy("starting_accuracy", claimed),
        rows=len(rows),
        **_chosen_terms(sonar, options, currency),
    )
    own = ValidationSet.build(rows, targets)
    # A measured start follows from the rows: with texts it may differ by one row on another machine.
    asked = replace(offer, starting_accuracy=0) if texts and claimed is None else offer
    inputs = encoder.canonical_inputs(validation[0], rows)
    parent_id = parent.id if parent else None
    request = request_digest(spec, inputs, own.targets, offer=asked, parent=parent_id, nonce=options.nonce)
    draft, existing = _find_draft(sonar, request)
    return PreparedCampaign(
        sonar=sonar,
        request=request,
        nonce=options.nonce,
        model=model,
        spec=spec,
        validation=own,
        offer=offer,
        terms=draft.terms if draft else _terms(sonar, offer, parent_id or EMPTY_BYTES32),
        blobs=(*([frozen.data] if frozen.data else []), *made.blobs),
        draft=draft,
        existing=existing,
    )


def _terms(sonar: Sonar, offer: CampaignOffer, parent: bytes) -> Terms:
    """All terms but the content addresses. Raises CapsuleUnknownError, OfferError."""
    chain = sonar.chain
    if chain.certificates_of(offer.capsule) == EMPTY_BYTES32:
        raise CapsuleUnknownError(
            f"the Capsule {offer.capsule} never announced itself to the Sonar at {chain.address}: check it, or "
            "choose one of `ape sonar capsules`"
        )
    served = chain.currency_terms(offer.capsule, offer.currency)
    currency = sonar.currency(offer.currency)
    if not served.accepted:
        accepted = ", ".join(sonar.accepted_currencies(offer.capsule)) or "nothing"
        raise OfferError(
            f"the Capsule {offer.capsule} does not accept {currency.symbol}; it accepts {accepted}: take another "
            "currency, or another Capsule"
        )
    return offer.terms(
        chain.capsule_terms(offer.capsule),
        served,
        currency=currency,
        spec=EMPTY_BYTES32,
        validation=EMPTY_BYTES32,
        validation_root=EMPTY_BYTES32,
        parent=parent,
    )


def _find_draft(sonar: Sonar, request: bytes) -> tuple[Draft | None, Campaign | None]:
    """An earlier draft of the same request from this account, and its Campaign if it is on chain."""
    chain = sonar.chain
    here = (chain.chain_id, chain.address.lower(), chain.sender.lower())
    for draft in sonar.drafts:
        if draft.request == request and (draft.chain_id, draft.contract, draft.scientist) == here:
            if chain.status_of(draft.campaign) is Status.NONE:
                return draft, None
            return draft, sonar.campaign(draft.campaign)
    return None, None


def _chosen_terms(sonar: Sonar, options: CampaignOptions, currency: str) -> dict[str, Any]:
    """The options that become terms, in the chain's units; those left at None are left out."""
    terms: dict[str, Any] = {}
    if options.arbiter is not None:
        terms["arbiter"] = parse_address(options.arbiter)
    if options.min_improvement is not None:
        terms["min_improvement"] = _accuracy("min_improvement", options.min_improvement)
    for name in _WINDOWS:
        if (window := getattr(options, name)) is not None:
            terms[name] = _duration(name, window)
    for name in _AMOUNTS:
        if (given := getattr(options, name)) is not None:
            wanted = ZERO_ADDRESS if name == "scoring_fee" else currency
            terms[name], found = _amount(sonar, name, given)
            if found != wanted:
                raise UsageError(f"{name} must be in {sonar.currency(wanted).symbol}, not {given!s:.60}")
    return terms


def _amount(sonar: Sonar, name: str, given: Amount) -> tuple[int, str]:
    if isinstance(given, Money):
        return given.units, given.currency.address
    if not isinstance(given, str):
        raise UsageError(f"{name}: {given!r:.60} has no currency: write an amount with its unit, such as '0.5 ether'")
    try:
        return parse_money(given, sonar.tokens)
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from None


def _duration(name: str, given: Duration) -> int:
    if not isinstance(given, str | timedelta):
        raise UsageError(f"{name}: {given!r:.60} has no unit: write '15 minutes' or '2 days', or give a timedelta")
    try:
        return parse_duration(given)
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from None


def _accuracy(name: str, given: Accuracy) -> int:
    try:
        if isinstance(given, str) and given.strip().endswith("%"):
            return to_wad(Decimal(given.strip()[:-1].strip()) / 100)
        return to_wad(given)
    except ArithmeticError:
        raise UsageError(f"{name}: {given!r:.60} is no percentage: write 0.85 or '85%'") from None
    except UsageError as error:
        raise UsageError(f"{name}: {error}: write 0.85 or '85%'") from None


def _initial(parent: Campaign | None, seed: int | None) -> dict[str, Any]:
    if parent is not None and seed is not None:
        raise UsageError("a Campaign starts from its parent's weights or from a seed, not from both")
    if parent is not None:
        return {"kind": "parent"}
    return {"kind": "zeros"} if seed is None else {"kind": "seeded", "seed": seed}


def _weights_of(parent: Campaign | None) -> IntegerTensor | None:
    if parent is None:
        return None
    weights = parent.result().model.weights_
    assert isinstance(weights, IntegerTensor)  # a delivered Model is in the clear
    return weights
