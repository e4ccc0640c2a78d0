"""Decryption under a warrant: only registered ciphertexts, in order, after the warrant for them is on disk."""

from __future__ import annotations

from typing import Protocol

from ape_capsule.keys.paillier_keystore import Keystore
from ape_capsule.keys.warrant_log import Kind, Warrant, WarrantLog
from sonar_core.protocol.ledger import Model
from syft.paillier import EncryptedTensor, Openings


class Registrations(Protocol):
    """The confirmed transactions that registered ciphertexts; `ape_capsule.home.state.CapsuleJournal` is one."""

    def submission_of(self, campaign: bytes, number: int) -> bytes:
        """Hash of the transaction that submitted a Gradient; zeros if there is none."""

    def maker_of(self, campaign: bytes, model_root: bytes) -> bytes:
        """Hash of the transaction that registered a Model; zeros if there is none."""


class Clock(Protocol):
    """The chain's time; `sonar_core.chain.contracts.SonarContracts` is one."""

    def newest_block(self) -> int:
        """Number of the newest block."""

    def timestamp(self) -> int:
        """Unix seconds."""


class WarrantedDecryption:
    """Grants warrants and decrypts under them.

    Args:
        warrants: the log.
        keystore: the Campaigns' Paillier key pairs.
        registrations: says which transaction registered what.
        clock: the chain.
    """

    def __init__(self, warrants: WarrantLog, keystore: Keystore, registrations: Registrations, clock: Clock) -> None:
        self._warrants, self._keystore = warrants, keystore
        self._registrations, self._clock = registrations, clock

    def warrant_gradient(self, campaign: bytes, number: int, root: bytes) -> None:
        """Writes the warrant for a registered Gradient; from then on it may be decrypted.

        Args:
            campaign: id.
            number: of the Gradient.
            root: Merkle root of its ciphertexts.

        Raises:
            WarrantRefusedError: it is out of order, or other ciphertexts have this number.
        """
        transaction = self._registrations.submission_of(campaign, number)
        self._grant(Warrant(campaign, Kind.GRADIENT, number, root, transaction))

    def open_model(self, campaign: bytes, model: Model, ciphertexts: EncryptedTensor) -> Openings:
        """The openings of a registered Model, decrypted after the warrant for it is on disk.

        Args:
            campaign: id.
            model: version and root, as registered.
            ciphertexts: of that root.

        Raises:
            WarrantRefusedError: a newer Model was decrypted before.
            KeyMissingError, KeyDestroyedError: the Campaign's key pair is not here.
        """
        transaction = self._registrations.maker_of(campaign, model.root)
        self._grant(Warrant(campaign, Kind.MODEL, model.version, model.root, transaction))
        return self._keystore.get(campaign).open(ciphertexts)

    def _grant(self, warrant: Warrant) -> None:
        now = self._clock.timestamp()
        newest = self._warrants.newest(warrant.campaign, warrant.kind)
        if newest is not None and not self._is_registered(newest):
            self._warrants.rewound(warrant.campaign, self._clock.newest_block(), now)
        self._warrants.grant(warrant, now)

    def _is_registered(self, warrant: Warrant) -> bool:
        """Whether the chain still registers what a warrant names; if not, a reorganisation took it back."""
        if warrant.kind is Kind.GRADIENT:
            return self._registrations.submission_of(warrant.campaign, warrant.number) == warrant.transaction
        return self._registrations.maker_of(warrant.campaign, warrant.root) == warrant.transaction
