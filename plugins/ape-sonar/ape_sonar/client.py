"""PySonar: Campaigns as a Data Scientist sees them. Nothing here asks for wei, hashes or blocks."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Lock
from typing import Any

from ape_sonar.campaign_builder import (
    Frozen,
    Texts,
    encode_validation,
    fit_to_schemas,
    propose_for,
    request_digest,
    starting_weights,
    weigh_classes,
    write_spec,
)
from ape_sonar.campaign_drafts import Draft, DraftBook
from ape_sonar.campaign_facts import verdict
from ape_sonar.campaign_offer import CampaignOffer
from ape_sonar.delivery_verification import open_delivery
from ape_sonar.trained_model import TrainedModel
from sonar_core.app.connection import find_connection
from sonar_core.app.settings import configured_store, settings
from sonar_core.base.database import JournalDamagedError
from sonar_core.base.errors import SonarError, UsageError
from sonar_core.chain.contracts import SonarContracts
from sonar_core.chain.event_follower import DeepReorganisationError
from sonar_core.chain.event_log import EventLog
from sonar_core.crypto import vault
from sonar_core.crypto.certificates import Key
from sonar_core.crypto.sealed_messages import seal, unseal
from sonar_core.data.row_encoder import RowEncoder
from sonar_core.protocol.content_address import to_cid
from sonar_core.protocol.gradient_map import GradientState
from sonar_core.protocol.ledger import CampaignState, Ledger, LedgerError
from sonar_core.protocol.structs import EMPTY_BYTES32, Status, Terms
from sonar_core.protocol.units import (
    COIN,
    ZERO_ADDRESS,
    Currency,
    Money,
    from_wad,
    parse_address,
    parse_duration,
    parse_money,
    to_wad,
)
from sonar_core.protocol.validation_set import ValidationSet
from sonar_core.store import BlobStore
from sonar_core.store.artifacts import LARGEST_VALIDATION, read_keyring, read_spec
from syft.nn import Model
from syft.paillier import DEFAULT_BITS, IntegerTensor

#: Environment variable with the passphrase of the Data Scientist's vault.
PASSPHRASE = "SONAR_PASSPHRASE"  # noqa: S105 - the name of a variable, not a passphrase
_KEY_FILE, _KEY_PURPOSE = "identity.vault", "scientist-identity"
_WINDOWS = (
    "open_within",
    "notice_period",
    "scoring_window",
    "per_gradient",
    "unavailability_window",
    "delivery_window",
    "audit_window",
)
_AMOUNTS = ("capsule_fee", "capsule_bond", "compensation", "scoring_fee")
_ENDED = (Status.DECLINED, Status.CANCELLED, Status.DELIVERED, Status.EXPIRED, Status.CONVICTED)


class CampaignUnknownError(SonarError, LookupError):
    """No Campaign has that id, or more than one begins with it."""


class FundsMissingError(SonarError, ValueError):
    """The account does not hold what it offers; says how much is missing."""


@dataclass(frozen=True, slots=True)
class Gradient:
    """One Gradient of a Campaign.

    Attributes:
        number: its place in the queue, from 0.
        miner: address.
        before, after, rise: accuracy of the head, 0 to 1.
        reward: what it earned.
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


class Campaign:
    """One Campaign, as it is now: every property looks at the chain.

    Attributes:
        id: 32 bytes.
    """

    def __init__(self, sonar: Sonar, campaign: bytes) -> None:
        self._sonar = sonar
        self.id = campaign

    def __repr__(self) -> str:
        return f"Campaign(0x{self.id.hex()})"

    @property
    def state(self) -> CampaignState:
        """Everything that its events tell. Raises LedgerError, ChainError."""
        return self._sonar.ledger().campaign(self.id)

    @property
    def status(self) -> Status:
        return self.state.status(self._sonar.chain.timestamp())

    @property
    def currency(self) -> Currency:
        return self._sonar.currency(self.state.terms.currency)

    @property
    def bounty(self) -> Money:
        """What was put in trust for Miners."""
        return Money(self.state.terms.bounty, self.currency)

    @property
    def payable(self) -> Money:
        """What Miners can still earn: the Bounty without what the accuracy so far is worth."""
        state = self.state
        return Money(state.remaining_reward(), self._sonar.currency(state.terms.currency))

    @property
    def accuracy(self) -> Decimal:
        return from_wad(self.state.accuracy)

    @property
    def target_accuracy(self) -> Decimal:
        return from_wad(self.state.terms.target_accuracy)

    @property
    def ends_at(self) -> datetime:
        """When mining ends or ended; while it is Requested, when the time to open it is over."""
        return datetime.fromtimestamp(self.state.ends_at, UTC)

    @property
    def time_left(self) -> timedelta:
        """Time of mining that is left."""
        return timedelta(seconds=max(0, self.state.ends_at - self._sonar.chain.timestamp()))

    def gradients(self) -> list[Gradient]:
        """All Gradients so far, in order of submission."""
        state = self.state
        return [self._gradient(state, gradient) for _, gradient in sorted(state.gradients.items())]

    def watch(self, *, poll_interval: float | None = None) -> Iterator[Gradient]:
        """Each Gradient when it is scored or rejected, until the Campaign has ended."""
        seen = 0
        while True:
            # One look a round: a Gradient scored while the caller is busy with another is not the last of them.
            now, state = self._sonar.chain.timestamp(), self.state
            done = [one for _, one in sorted(state.gradients.items()) if one.scored]
            for gradient in done[seen:]:
                yield self._gradient(state, gradient)
            seen = len(done)
            if state.status(now) in _ENDED:
                return
            time.sleep(poll_interval or settings().poll_interval)

    def stop(self) -> None:
        """Ends mining after the notice period. Raises ContractError."""
        self._sonar.chain.stop(self.id)

    def cancel(self) -> None:
        """Takes the Campaign back before the Capsule answers. Raises ContractError."""
        self._sonar.chain.cancel(self.id)

    def expire(self) -> None:
        """Records that the Capsule missed a window. Raises ContractError."""
        self._sonar.chain.expire(self.id)

    def refund(self, to: str | None = None) -> Money:
        """Pays out what is the Data Scientist's. Raises ContractError."""
        amount = self.state.refundable()
        self._sonar.chain.refund(self.id, to or self._sonar.chain.sender)
        return Money(amount, self.currency)

    def result(self) -> TrainedModel:
        """The trained Model, unsealed with the Data Scientist's key and checked (`delivery_verification`)."""
        return open_delivery(self._sonar.store, self._sonar.key, self.state, self._sonar.own_validation(self.id))

    def _gradient(self, state: CampaignState, gradient: GradientState) -> Gradient:
        scored = gradient.scored
        before, after = (scored.accuracy_before, scored.accuracy_after) if scored else (state.accuracy, state.accuracy)
        reward = Money(state.reward(gradient), self._sonar.currency(state.terms.currency))
        number, miner = gradient.record.number, gradient.record.miner
        return Gradient(number, miner, from_wad(before), from_wad(after), reward, verdict(gradient))


class Sonar:
    """Sonar, as one Data Scientist.

    Args:
        chain: as the Data Scientist's account; without one to look only.
        store: where blobs are.
        home: of keys and drafts; made when it is needed.
        passphrase: of the vault in the home.
        start_block: of the contracts' deployment.
        tokens: the ERC-20s that may be called by their symbol.
        capsules: Capsules' addresses by a name of one's own.
        cost: scrypt's n for a new vault.
    """

    def __init__(
        self,
        chain: SonarContracts,
        store: BlobStore,
        home: Path,
        passphrase: str = "",
        *,
        start_block: int = 0,
        tokens: Iterable[Currency] = (),
        capsules: dict[str, str] | None = None,
        cost: int = vault.COST,
    ) -> None:
        self.chain, self.store = chain, store
        self._home, self._passphrase, self._cost = home, passphrase, cost
        self._start_block = start_block
        self._tokens = {token.address: token for token in tokens}
        self._capsules = capsules or {}
        self._drafts = DraftBook(home / "drafts")
        self._key: Key | None = None
        self._event_log: EventLog | None = None
        self._ledger_lock = Lock()

    # ------------------------------------------------------------------ looking

    def ledger(self) -> Ledger:
        """All Campaigns up to the newest block, from their events. Blocks that are read and settled are not read again.

        Raises:
            ChainError: the node does not answer.
            LedgerError: the node left logs out; the next call reads all blocks again.
        """
        with self._ledger_lock:
            try:
                if self._event_log is None:
                    self._event_log = EventLog.in_memory(self.chain, start_block=self._start_block)
                self._event_log.catch_up()
                return self._event_log.unconfirmed_ledger()
            except (LedgerError, JournalDamagedError, DeepReorganisationError):
                self._event_log = None
                raise

    def campaigns(self) -> list[Campaign]:
        """All Campaigns, oldest first."""
        states = sorted(self.ledger().campaigns.values(), key=lambda state: state.created_block)
        return [Campaign(self, state.id) for state in states]

    def campaign(self, campaign: bytes | str) -> Campaign:
        """A Campaign by its id, or the beginning of it in hex.

        Raises:
            CampaignUnknownError: none has it, or several do.
        """
        wanted = campaign.hex() if isinstance(campaign, bytes) else campaign.lower().removeprefix("0x")
        found = [one for one in self.ledger().campaigns if one.hex().startswith(wanted)]
        if len(found) != 1 or not wanted:
            how_many = "no Campaign has" if not found else f"{len(found)} Campaigns have"
            raise CampaignUnknownError(f"{how_many} an id that begins with 0x{wanted}: check it, and the network")
        return Campaign(self, found[0])

    def currency(self, address: str) -> Currency:
        """A currency by its address, with symbol and decimals from its contract."""
        if address == ZERO_ADDRESS:
            return COIN
        if address not in self._tokens:
            symbol = "".join(letter for letter in self.chain.token_symbol(address)[:16] if letter.isalnum())
            self._tokens[address] = Currency(address, symbol or address, self.chain.token_decimals(address))
        return self._tokens[address]

    @property
    def key(self) -> Key:
        """The Data Scientist's OpenPGP key; a fresh one, in a vault in the home, the first time.

        Raises:
            UsageError: no passphrase is known.
            VaultError: the passphrase is wrong, or the vault damaged.
        """
        if self._key is None:
            path = self._home / _KEY_FILE
            if not self._passphrase:
                raise UsageError(f"{path} rests under a passphrase: set {PASSPHRASE}, or give `passphrase`")
            if not path.exists():
                self._home.mkdir(parents=True, exist_ok=True, mode=0o700)
                fresh = Key.generate(f"Data Scientist {self.chain.sender}")
                vault.write(path, fresh.to_bytes(), self._passphrase, purpose=_KEY_PURPOSE, cost=self._cost)
            self._key = Key.from_bytes(vault.read(path, self._passphrase, purpose=_KEY_PURPOSE))
        return self._key

    # ------------------------------------------------------------------ creating

    def create(
        self,
        model: Model | None,
        *,
        input: Any,  # noqa: A002 - the protocol's word
        output: Any,
        validation: tuple[Any, Any],
        bounty: str,
        capsule: str,
        lasts: str | timedelta | int,
        texts: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
        target_accuracy: Decimal | float | str = 1.0,
        starting_accuracy: Decimal | float | str | None = None,
        parent: Campaign | None = None,
        seed: int | None = None,
        description: str = "",
        input_description: str = "",
        output_description: str = "",
        key_bits: int = DEFAULT_BITS,
        nonce: int = 0,
        **asked: Any,
    ) -> Campaign:
        """Starts a Campaign: publishes its blobs and puts the Bounty in trust.

        Asked again with the same arguments, in this process or after a crash, it continues where it stood and creates
        nothing twice; another `nonce` makes another Campaign of the same kind.

        Args:
            model: a Syft Model; its inputs and outputs follow from the schemas, its weights are not looked at. None
                leaves the choice to `syft.nn.propose`, as if each Mine had as many rows as the validation set.
            input, output: Table Schemas; see `RowEncoder` for what an Output is.
            validation: Inputs and their Outputs in their own units, which only the Capsule will see.
            bounty: such as "1000 USDC" or "0.5 ether".
            capsule: address, or a name from the settings.
            lasts: time of mining, such as "2 days".
            texts: what becomes of each text of the Input, by its field: steps as `syft.texts` describes them.
            target_accuracy: 0 to 1; beyond it nothing is paid.
            starting_accuracy: a claim; measured exactly if left out.
            parent: a Delivered Campaign whose weights to start from.
            seed: of small random initial weights; zeros if left out.
            description, input_description, output_description: for people.
            key_bits: bits of the homomorphic key.
            nonce: tells equal Campaigns apart.
            asked: any other field of `CampaignOffer`: windows in words ("1 hour") or seconds, amounts in words
                ("2 USDC") or smallest units, `min_improvement` from 0 to 1.

        Raises:
            UsageError, SpecError, SchemaError, RowError, OfferError: an argument that cannot be used; says which.
            FundsMissingError: the account does not hold the Bounty.
            ContractError, ChainError, StoreError, VaultError: from below.
        """
        made = Texts.of(texts, lambda blob: to_cid(self.store.address_of(blob)))
        encoder = RowEncoder(input, output, made.columns)
        rows, targets = encode_validation(encoder, validation)
        chosen = fit_to_schemas(model, encoder) if model else propose_for(encoder, len(rows))
        model = weigh_classes(chosen, encoder, targets)
        frozen = Frozen.of(model)
        initial = _initial(parent, seed)
        spec = write_spec(
            model,
            description=description,
            input_description=input_description,
            output_description=output_description,
            input_schema=input,
            output_schema=output,
            texts=made.described,
            frozen_cid=to_cid(self.store.address_of(frozen.data)) if frozen.data else None,
            initial=initial,
            key_bits=key_bits,
            certificate=self.key.certificate.armoured(),
        )
        amount, currency = parse_money(bounty, self._tokens.values())
        measured = starting_weights(model, initial, _weights_of(parent)).evaluate(rows, targets).accuracy
        offer = CampaignOffer(
            capsule=self._capsule(capsule),
            currency=currency,
            bounty=amount,
            duration=parse_duration(lasts),
            target_accuracy=to_wad(target_accuracy),
            starting_accuracy=measured if starting_accuracy is None else to_wad(starting_accuracy),
            rows=len(rows),
            **{name: self._asked(name, value, currency) for name, value in asked.items()},
        )
        own = ValidationSet.build(rows, targets)
        # A measured start follows from the rows: of texts it may differ by one of them, on another machine.
        asking = replace(offer, starting_accuracy=0) if texts and starting_accuracy is None else offer
        inputs = encoder.canonical_inputs(validation[0], rows)
        request = request_digest(
            spec, inputs, own.targets, offer=asking, parent=parent.id if parent else b"", nonce=nonce
        )
        draft = self._draft(request) or self._new_draft(request, nonce, spec.to_bytes(), own, offer, parent)
        self._publish(draft, [*([frozen.data] if frozen.data else []), *made.blobs])
        return self._send(draft)

    def _asked(self, name: str, value: Any, currency: str) -> Any:
        """A further field of an Offer, from people's units."""
        if name in _WINDOWS:
            return parse_duration(value)
        if name == "min_improvement":
            return to_wad(value)
        if name == "arbiter":
            return parse_address(value)
        if name not in _AMOUNTS:
            known = ", ".join(("arbiter", "min_improvement", *_AMOUNTS, *_WINDOWS))
            raise UsageError(f"create takes no {name!r}; beside those it names it takes {known}")
        wanted = ZERO_ADDRESS if name == "scoring_fee" else currency
        if isinstance(value, int):
            return value
        amount, given = parse_money(value, self._tokens.values())
        if given != wanted:
            raise UsageError(f"{name} must be in {self.currency(wanted).symbol}, not {value!r}")
        return amount

    def own_validation(self, campaign: bytes) -> ValidationSet:
        """The validation set of a Campaign that was created from this home. Raises DraftError, SealError."""
        state, sealed = self.ledger().campaign(campaign), self._drafts.part(campaign, "own-validation.pgp")
        data = unseal(sealed, self.key, signers=[self.key.certificate], limit=LARGEST_VALIDATION)
        encoder = read_spec(self.store, state.terms.spec).encoder()
        return ValidationSet.from_bytes(data, encoder)

    def _draft(self, request: bytes) -> Draft | None:
        here = (self.chain.chain_id, self.chain.address.lower(), self.chain.sender.lower())
        drafts = (draft for draft in self._drafts if draft.request == request)
        return next((one for one in drafts if (one.chain_id, one.contract, one.scientist) == here), None)

    def _new_draft(
        self, request: bytes, nonce: int, spec: bytes, own: ValidationSet, offer: CampaignOffer, parent: Campaign | None
    ) -> Draft:
        """Everything of the Campaign on disk, before anything of it is anywhere else."""
        ring = read_keyring(self.store, self.chain.certificates_of(offer.capsule))
        sealed = seal(own.to_bytes(), ring, signer=self.key)
        terms = offer.terms(
            self.chain.capsule_terms(offer.capsule),
            self.chain.currency_terms(offer.capsule, offer.currency),
            spec=self.store.address_of(spec),
            validation=self.store.address_of(sealed),
            validation_root=own.root(),
            parent=parent.id if parent else EMPTY_BYTES32,
        )
        self._require_funds(terms)
        draft = Draft(
            request=request,
            nonce=nonce,
            chain_id=self.chain.chain_id,
            contract=self.chain.address.lower(),
            scientist=self.chain.sender.lower(),
            campaign=self.chain.id_of(self.chain.sender, nonce, terms),
            terms=terms,
        )
        to_self = seal(own.to_bytes(), [self.key.certificate], signer=self.key)
        self._drafts.add(draft, spec=spec, validation=sealed, own_validation=to_self)
        return draft

    def _publish(self, draft: Draft, blobs: Iterable[bytes]) -> None:
        for name in ("spec.json", "validation.pgp"):
            self.store.put(self._drafts.part(draft.campaign, name))
        for blob in blobs:
            self.store.put(blob)

    def _send(self, draft: Draft) -> Campaign:
        """Puts the Bounty in trust, unless that was done before."""
        if self.chain.status_of(draft.campaign) is Status.NONE:
            terms = draft.terms
            self._require_funds(terms)
            if terms.currency != ZERO_ADDRESS:
                self._allow(terms.currency, terms.bounty + terms.capsule_fee)
            self.chain.create(draft.nonce, terms)
        self._drafts.mark_created(draft)
        return Campaign(self, draft.campaign)

    def _require_funds(self, terms: Terms) -> None:
        """Raises FundsMissingError unless the account holds what a Campaign puts in trust."""
        sender, amount = self.chain.sender, terms.bounty + terms.capsule_fee
        coin = terms.currency == ZERO_ADDRESS
        held = self.chain.coin_balance(sender) if coin else self.chain.token_balance(terms.currency, sender)
        if held < amount:
            has, needs = (Money(units, self.currency(terms.currency)) for units in (held, amount))
            raise FundsMissingError(f"account {sender} holds {has}, and {needs} are needed: fund it")

    def _allow(self, token: str, amount: int) -> None:
        if self.chain.token_allowance(token, self.chain.sender, self.chain.address) < amount:
            self.chain.approve(token, amount)

    def _capsule(self, named: str) -> str:
        try:
            return parse_address(self._capsules.get(named, named))
        except UsageError as error:
            raise UsageError(f"{error}, or a name from `capsules` in ape-config.yaml") from None


@contextmanager
def connect(
    network: str,
    *,
    account: Any = None,
    passphrase: str | None = None,
    home: Path | None = None,
    store: str | None = None,
    sonar: str | None = None,
) -> Iterator[Sonar]:
    """Sonar on a network of Ape's, such as "ethereum:local:foundry".

    Args:
        network: Ape's network choice.
        account: alias of one of Ape's accounts, or an account; None to look only.
        passphrase: of the Data Scientist's vault; the environment's SONAR_PASSPHRASE by default.
        home: folder of keys and drafts; the settings' by default.
        store: URI of the blob store; the settings' by default.
        sonar: address of the contract; the deployment recorded in the home by default.

    Raises:
        DeploymentUnknownError, ChainError, StoreError: Sonar or its blobs are not to be found.
    """
    import ape

    with ape.networks.parse_network_choice(network):
        signer = ape.accounts.load(account) if isinstance(account, str) else account
        known = os.environ.get(PASSPHRASE, "") if passphrase is None else passphrase
        yield open_sonar(signer, known, home=home, store=store, sonar=sonar)


def open_sonar(
    account: Any, passphrase: str, *, home: Path | None = None, store: str | None = None, sonar: str | None = None
) -> Sonar:
    """Sonar on the network that Ape is connected to; see `connect`."""
    site = find_connection(account, sonar)
    return Sonar(
        site.chain,
        configured_store(store),
        home or settings().home / "scientist",
        passphrase,
        start_block=site.start_block,
        tokens=site.tokens,
        capsules=settings().capsules,
    )


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
