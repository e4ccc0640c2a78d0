"""PySonar's connection: Campaigns and Capsules on one chain, as one Data Scientist. Nothing asks for wei or hashes."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self

from ape_sonar import creation
from ape_sonar.campaign import Campaign
from ape_sonar.campaign_drafts import DraftBook
from ape_sonar.capsule_directory import CapsuleListing, list_capsule
from ape_sonar.creation import Accuracy, Amount, CampaignOptions, Duration, PreparedCampaign
from ape_sonar.identity_vault import PASSPHRASE, IdentityVault
from sonar_core.app.connection import find_connection
from sonar_core.app.settings import configured_store, settings
from sonar_core.base.database import JournalDamagedError
from sonar_core.base.errors import SonarError, UsageError
from sonar_core.chain.contracts import SonarContracts
from sonar_core.chain.errors import NoAccountError
from sonar_core.chain.event_follower import DeepReorganisationError
from sonar_core.chain.event_log import EventLog
from sonar_core.crypto import vault
from sonar_core.crypto.certificates import Key
from sonar_core.crypto.sealed_messages import unseal
from sonar_core.protocol.ledger import Ledger, LedgerError
from sonar_core.protocol.units import COIN, ZERO_ADDRESS, Currency, parse_address
from sonar_core.protocol.validation_set import ValidationSet
from sonar_core.store import BlobStore
from sonar_core.store.artifacts import LARGEST_VALIDATION, read_spec
from syft.nn import Model

_log = logging.getLogger(__name__)


class CampaignUnknownError(SonarError, LookupError):
    """No Campaign has that id, or more than one begins with it."""


class Sonar:
    """Sonar as one Data Scientist. `connect` makes one; use it in a `with` statement, or call `close` at the end.

    Args:
        chain: the contracts, as the Data Scientist's account; without one, for reading only.
        store: where blobs are.
        home: folder of keys and drafts; made when it is needed.
        passphrase: of the vault in the home.
        start_block: block of the contracts' deployment.
        tokens: the ERC-20s that may be called by their symbol.
        capsules: addresses of Capsules by a name of one's own.
        cost: scrypt's n for a new vault.

    Attributes:
        chain, store: as given.
        identity: the vault with the Data Scientist's OpenPGP keys.
        drafts: requests for Campaigns that were made from this home.
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
        self.identity = IdentityVault(home, passphrase, cost=cost)
        self.drafts = DraftBook(home / "drafts")
        self._start_block = start_block
        self._tokens = {token.address: token for token in tokens}
        self._capsules = capsules or {}
        self._event_log: EventLog | None = None
        self._ledger_lock = Lock()
        self._opened = ExitStack()

    def close(self) -> None:
        """Disconnects from the network that `connect` connected to. A second call does nothing."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        account = self.chain.account
        return f"Sonar({self.chain.address}, chain {self.chain.chain_id}, account {account and account.address})"

    # ------------------------------------------------------------------ reading

    def ledger(self) -> Ledger:
        """All Campaigns and Capsules up to the newest block, from the contracts' events.

        Blocks that are read and settled are not read again.

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
        """All Campaigns, oldest first. Raises LedgerError, ChainError."""
        states = sorted(self.ledger().campaigns.values(), key=lambda state: state.created_block)
        now = self.chain.timestamp()
        return [Campaign(self, state, now) for state in states]

    def campaign(self, campaign: bytes | str) -> Campaign:
        """A Campaign by its id, or by the beginning of the id in hex.

        Raises:
            CampaignUnknownError: no Campaign has it, or several have.
        """
        wanted = campaign.hex() if isinstance(campaign, bytes) else campaign.lower().removeprefix("0x")
        found = [state for identity, state in self.ledger().campaigns.items() if identity.hex().startswith(wanted)]
        if len(found) != 1 or not wanted:
            how_many = "no Campaign has" if not found else f"{len(found)} Campaigns have"
            raise CampaignUnknownError(f"{how_many} an id that begins with 0x{wanted}: check it, and the network")
        return Campaign(self, found[0], self.chain.timestamp())

    def capsules(self) -> list[CapsuleListing]:
        """All Capsules that announced themselves, with their terms and the ends of their Campaigns.

        Raises:
            LedgerError, ChainError: the chain cannot be read.
        """
        ledger, now = self.ledger(), self.chain.timestamp()
        names = {parse_address(address): name for name, address in self._capsules.items()}
        return [
            list_capsule(
                ledger,
                address,
                capsule,
                {self.currency(one): terms for one, terms in capsule.currencies.items() if terms.accepted},
                name=names.get(address),
                now=now,
            )
            for address, capsule in ledger.capsules.items()
        ]

    def accepted_currencies(self, capsule: str) -> list[str]:
        """Symbols of the currencies that a Capsule accepts, by its address."""
        state = self.ledger().capsules.get(capsule)
        return [self.currency(one).symbol for one, terms in state.currencies.items() if terms.accepted] if state else []

    @property
    def tokens(self) -> list[Currency]:
        """The ERC-20s that may be called by their symbol."""
        return list(self._tokens.values())

    def currency(self, address: str) -> Currency:
        """A currency by its address, with symbol and decimals from its contract."""
        if address == ZERO_ADDRESS:
            return COIN
        if address not in self._tokens:
            symbol = "".join(letter for letter in self.chain.token_symbol(address)[:16] if letter.isalnum())
            self._tokens[address] = Currency(address, symbol or address, self.chain.token_decimals(address))
        return self._tokens[address]

    def capsule_address(self, capsule: str) -> str:
        """The address of a Capsule that is given by its address, or by its name in the settings. Raises UsageError."""
        if capsule in self._capsules:
            return parse_address(self._capsules[capsule])
        if capsule.startswith("0x"):
            return parse_address(capsule)
        known = ", ".join(self._capsules) or "none"
        raise UsageError(f"capsule: {capsule!r:.60} is no address, and no name from the setting `capsules` ({known})")

    def capsule_label(self, address: str) -> str:
        """A Capsule's address, with its name from the settings if it has one."""
        names = [name for name, known in self._capsules.items() if parse_address(known) == address]
        return f"{address} ({names[0]})" if names else address

    def require_account(self) -> None:
        """Raises NoAccountError unless there is an account that signs."""
        if self.chain.account is None:
            raise NoAccountError("no account signs: connect(..., account='ALIAS') with one of `ape accounts list`")

    # ------------------------------------------------------------------ the Data Scientist's keys

    @property
    def keys(self) -> tuple[Key, ...]:
        """The OpenPGP keys that open deliveries, the current one first. Raises as `IdentityVault.current`."""
        return self.identity.keys

    def own_key(self, *, announce: bool = True) -> Key:
        """The current OpenPGP key; the first time a new one is made.

        Args:
            announce: log where a new key is kept, and what is lost without it.

        Raises:
            UsageError: no passphrase is known.
            VaultError: the passphrase is wrong, or the vault damaged.
        """
        if not self.identity.exists:
            self.identity.create(f"Data Scientist {self.chain.sender}")
            if announce:
                _log.warning(
                    "A new OpenPGP key was made in %s. Trained Models are sealed to it: keep a copy of the file and "
                    "of its passphrase, without both nobody can open a delivery.",
                    self.identity.path,
                )
        return self.identity.current

    # ------------------------------------------------------------------ creating

    def create(
        self,
        model: Model | None,
        *,
        input: Any,  # noqa: A002 - the protocol's word
        output: Any,
        validation: tuple[Any, Any],
        bounty: Amount,
        capsule: str,
        lasts: Duration,
        target_accuracy: Accuracy = 1.0,
        texts: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
        parent: Campaign | None = None,
        options: CampaignOptions = CampaignOptions(),  # noqa: B008 - frozen
    ) -> Campaign:
        """Starts a Campaign: publishes its blobs and puts the Bounty in trust.

        A repetition with the same arguments, in this process or after a crash, continues where it stopped and creates
        nothing twice; another `options.nonce` makes another Campaign of the same kind.

        Args:
            model: a Syft Model; its inputs and outputs follow from the schemas, its weights are ignored. None: the one
                that `syft.nn.propose` chooses, as if each Mine had as many rows as the validation set.
            input, output: Table Schemas; see `RowEncoder` for the kinds of Output.
            validation: Inputs and their Outputs in their own units, which only the Capsule will see.
            bounty: such as "1000 USDC" or "0.5 ether".
            capsule: address, or a name from the setting `capsules`.
            lasts: time of mining, such as "2 days".
            target_accuracy: 0 to 1, or such as "85%"; nothing is paid beyond it.
            texts: steps of `syft.texts` for each text of the Input, by its field.
            parent: a Delivered Campaign whose weights to start from.
            options: everything that has a default.

        Raises:
            UsageError, SpecError, SchemaError, RowError, OfferError, CapsuleUnknownError: an argument cannot be used;
                says which.
            NoAccountError: the connection has no account.
            FundsMissingError: the account does not hold the Bounty.
            ContractError, ChainError, StoreError, VaultError: from below.
        """
        return self.prepare(
            model,
            input=input,
            output=output,
            validation=validation,
            bounty=bounty,
            capsule=capsule,
            lasts=lasts,
            target_accuracy=target_accuracy,
            texts=texts,
            parent=parent,
            options=options,
        ).create()

    def prepare(
        self,
        model: Model | None,
        *,
        input: Any,  # noqa: A002 - the protocol's word
        output: Any,
        validation: tuple[Any, Any],
        bounty: Amount,
        capsule: str,
        lasts: Duration,
        target_accuracy: Accuracy = 1.0,
        texts: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
        parent: Campaign | None = None,
        options: CampaignOptions = CampaignOptions(),  # noqa: B008 - frozen
    ) -> PreparedCampaign:
        """The same, without sending or writing anything: its terms can be looked at before `PreparedCampaign.create`.

        Arguments and errors as for `create`.
        """
        return creation.prepare(
            self,
            model,
            input=input,
            output=output,
            validation=validation,
            bounty=bounty,
            capsule=capsule,
            lasts=lasts,
            target_accuracy=target_accuracy,
            texts=texts,
            parent=parent,
            options=options,
        )

    def own_validation(self, campaign: bytes) -> ValidationSet:
        """The validation set of a Campaign that was created from this home. Raises DraftError, SealError."""
        sealed, state = self.drafts.part(campaign, "own-validation.pgp"), self.ledger().campaign(campaign)
        signers = [key.certificate for key in self.keys]
        data = unseal(sealed, self.keys, signers=signers, limit=LARGEST_VALIDATION)
        encoder = read_spec(self.store, state.terms.spec).encoder()
        return ValidationSet.from_bytes(data, encoder)


def connect(
    network: str,
    *,
    account: Any = None,
    passphrase: str | None = None,
    home: Path | None = None,
    store: str | None = None,
    sonar: str | None = None,
) -> Sonar:
    """Connects to Sonar on one of Ape's networks, such as "ethereum:local:foundry".

    Use it in a `with` statement, or keep the object (in a notebook) and call `close` at the end.

    Args:
        network: Ape's network choice.
        account: alias of one of Ape's accounts, or an account; None for reading only.
        passphrase: of the Data Scientist's vault; None: the environment's SONAR_PASSPHRASE.
        home: folder of keys and drafts; None: the settings'.
        store: URI of the blob store; None: the settings'.
        sonar: address of the contract; None: the deployment recorded in the home.

    Raises:
        DeploymentUnknownError, ChainError, StoreError: Sonar or its blobs cannot be found.
    """
    import ape

    opened = ExitStack()
    try:
        opened.enter_context(ape.networks.parse_network_choice(network))
        signer = ape.accounts.load(account) if isinstance(account, str) else account
        connected = connect_active(signer, passphrase, home=home, store=store, sonar=sonar)
    except BaseException:
        opened.close()
        raise
    connected._opened = opened
    return connected


def connect_active(
    account: Any,
    passphrase: str | None = None,
    *,
    home: Path | None = None,
    store: str | None = None,
    sonar: str | None = None,
) -> Sonar:
    """Sonar on the network that Ape is connected to already; arguments and errors as for `connect`."""
    connection = find_connection(account, sonar)
    return Sonar(
        connection.chain,
        configured_store(store),
        home or settings().home / "scientist",
        os.environ.get(PASSPHRASE, "") if passphrase is None else passphrase,
        start_block=connection.start_block,
        tokens=connection.tokens,
        capsules=settings().capsules,
    )
