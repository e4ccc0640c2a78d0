"""The checks of `ape capsule doctor`: the Capsule's home, keys, certificates, and its state on chain."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ape.api import AccountAPI, ProviderAPI

from ape_capsule.errors import REMEDY
from ape_capsule.home.paths import KEYS_FOLDER, PASSPHRASE_VARIABLE, STATE_FILE, WARRANT_FILE
from ape_capsule.keys.announced_certificates import KeyNeed, key_needs
from ape_capsule.keys.openpgp_identity import Identity, require_identity
from ape_capsule.keys.paillier_keystore import Keystore, has_key
from ape_capsule.keys.warrant_log import read
from ape_capsule.service import own_campaigns
from sonar_core.app.connection import Connection, find_connection
from sonar_core.app.settings import configured_store, settings
from sonar_core.crypto.certificates import Certificate
from sonar_core.protocol.ledger import CampaignState
from sonar_core.protocol.structs import Status
from sonar_core.protocol.units import ZERO_ADDRESS, counted, format_duration
from sonar_core.service.doctor import (
    Check,
    Finding,
    Grade,
    check_account,
    check_contracts,
    check_disk,
    check_funds,
    check_journal,
    check_node,
    check_permissions,
    check_store,
    check_tokens,
    unreachable_node,
)
from sonar_core.store import BlobStore
from sonar_core.store.artifacts import read_keyring

#: Time before a certificate expires, and before a window closes, from which a warning is given.
_SOON, _CLOSE = timedelta(days=30), timedelta(minutes=10)
_STARTED = (Status.OPEN, Status.CLOSING)


def capsule_checks(
    account: AccountAPI,
    provider: ProviderAPI | None,
    home: Path,
    passphrase: str | None,
    *,
    sonar: str | None,
    write: bool,
) -> Iterator[tuple[str, Check]]:
    """All checks of a Capsule by name, in the order in which they are read best.

    Args:
        account: the Capsule's.
        provider: of the network; None if no node answers.
        home: the Capsule's.
        passphrase: of its vaults; None: the checks that need it are left out.
        sonar: address of the contract; None: the one deployed from here.
        write: whether the store may be written to.
    """
    yield "home", lambda: _check_home(home)
    yield "disk", lambda: check_disk(home)
    yield "state", lambda: _check_state(home)
    yield "warrants", lambda: _check_warrants(home)
    yield "identity", lambda: _check_identity(home, passphrase)
    yield "store", lambda: check_store(settings().store_uri, write=write)
    yield "account", lambda: check_account(str(account.address))
    if provider is None:
        yield "node", unreachable_node
        return
    yield "node", lambda: check_node(provider)
    chain = _ChainState(account, sonar, home)
    yield "contracts", lambda: check_contracts(provider, chain.connection().chain)
    yield "tokens", lambda: check_tokens(chain.connection())
    yield "announced", lambda: _check_announced(chain.connection(), home, passphrase)
    yield "certificates", lambda: _check_certificates(chain, home, passphrase)
    yield "keys", lambda: _check_keys(chain.live_campaigns(), home, passphrase)
    yield (
        "funds",
        lambda: check_funds(chain.connection().chain, str(account.address), chain.bonds(), "requested bonds"),
    )
    yield "deadlines", lambda: [judge_deadlines([one.due_at() for one in chain.live_campaigns()], chain.now())]


class _ChainState:
    """Sonar and the Capsule's Campaigns on chain, read once, if a check asks for them."""

    def __init__(self, account: AccountAPI, sonar: str | None, home: Path) -> None:
        self._account, self._sonar, self._home = account, sonar, home
        self._connection: Connection | None = None
        self._own: list[CampaignState] | None = None

    def connection(self) -> Connection:
        if self._connection is None:
            self._connection = find_connection(self._account, self._sonar)
        return self._connection

    def now(self) -> int:
        return self.connection().chain.timestamp()

    def live_campaigns(self) -> list[CampaignState]:
        """Campaigns whose key pair is needed."""
        return [one for one in self.campaigns() if one.status(self.now()) in _STARTED]

    def bonds(self) -> int:
        """Wei of the bonds that requested Campaigns ask for."""
        asked = [one.terms for one in self.campaigns() if one.status(self.now()) is Status.REQUESTED]
        return sum(terms.capsule_bond for terms in asked if terms.currency == ZERO_ADDRESS)

    def campaigns(self) -> list[CampaignState]:
        """The Campaigns that name this Capsule."""
        if self._own is None:
            self._own = own_campaigns(self.connection(), self._home)
        return self._own


def judge_deadlines(dues: list[int], now: int) -> Finding:
    """Warns if the first of several windows (their ends in Unix seconds) closes soon; a missed one costs the bond."""
    if not dues:
        return Finding("deadlines", Grade.OK, "no Campaign is open")
    left = min(dues) - now
    if left < _CLOSE.total_seconds():
        return Finding("deadlines", Grade.WARN, f"a window closes in {left} s", "see that the Capsule runs")
    return Finding(
        "deadlines",
        Grade.OK,
        f"{counted(len(dues), 'Campaign')} open; the first window closes in {format_duration(left)}",
    )


def judge_certificate(certificate: Certificate, now: datetime) -> Finding:
    """Warns if a certificate expires soon. Raises CertificateError if nobody can seal to it any more."""
    certificate.recipient()
    expires = certificate.expires
    if expires is not None and expires < now + _SOON:
        message = f"certificate {certificate.fingerprint} expires on {expires:%Y-%m-%d}"
        return Finding("certificate", Grade.WARN, message, "replace it first with `ape capsule rotate`")
    return Finding("certificate", Grade.OK, f"{certificate.fingerprint} can be sealed to")


def _check_home(home: Path) -> Iterator[Finding]:
    require_identity(home)
    yield from check_permissions(home)


def _check_state(home: Path) -> Iterator[Finding]:
    if (home / STATE_FILE).exists():
        yield from check_journal(home / STATE_FILE, REMEDY)
    else:
        yield Finding("state", Grade.OK, "no Campaign was served yet")


def _check_warrants(home: Path) -> Iterator[Finding]:
    count = sum(1 for _ in read(home / WARRANT_FILE))
    yield Finding("warrants", Grade.OK, f"the log of {counted(count, 'warrant')} is intact")


def _check_identity(home: Path, passphrase: str | None) -> Iterator[Finding]:
    require_identity(home)
    if passphrase is None:
        yield _closed("identity")
        return
    identity = Identity.load(home, passphrase)
    yield Finding("identity", Grade.OK, "the passphrase opens it")
    yield judge_certificate(identity.certificate, datetime.now(UTC))


def _check_announced(connection: Connection, home: Path, passphrase: str | None) -> Iterator[Finding]:
    chain, store = connection.chain, configured_store()
    address = chain.certificates_of(chain.sender)
    if not any(address):
        message = f"{chain.sender} has announced no Capsule"
        yield Finding("announced", Grade.FAIL, message, "run `ape capsule announce`, or use the Capsule's own account")
        return
    yield judge_ring(store, address, Identity.load(home, passphrase) if passphrase else None)


def judge_ring(store: BlobStore, address: bytes, identity: Identity | None) -> Finding:
    """Whether others seal to a certificate whose key is in this home."""
    ring = read_keyring(store, address)
    if identity is None:
        return _closed("announced")
    held = identity.our_newest_in(ring)
    if held is None:
        message = "the ring on chain is not this home's: nothing sealed to it can be unsealed here"
        return Finding("announced", Grade.FAIL, message, "run `ape capsule announce`, or restore the home with its key")
    if held.fingerprint != identity.certificate.fingerprint:
        message = f"a rotation was cut short: the ring on chain is of {held.fingerprint}, which is retired here"
        return Finding("announced", Grade.WARN, message, "run `ape capsule rotate` again")
    message = f"the ring on chain holds this home's certificate, and {len(ring) - 1} more"
    return Finding("announced", Grade.OK, message if len(ring) > 1 else "the ring on chain is this home's")


def _check_certificates(chain: _ChainState, home: Path, passphrase: str | None) -> Iterator[Finding]:
    if passphrase is None:
        yield _closed("certificates")
        return
    identity = Identity.load(home, passphrase)
    yield from judge_needs(identity, list(key_needs(identity, configured_store(), chain.campaigns(), chain.now())))


def judge_needs(identity: Identity, needed: list[KeyNeed]) -> Iterator[Finding]:
    """Whether the key by which each Campaign knows the Capsule is here, and which retired keys are still needed."""
    if lost := [need.campaign.hex() for need in needed if not need.is_held]:
        message = f"{counted(len(lost), 'Campaign')} with a certificate that is not here, such as 0x{lost[0]}"
        yield Finding("certificates", Grade.FAIL, message, "restore the home from its newest backup")
    for certificate in identity.retired:
        users = sum(certificate.fingerprint in need.keys for need in needed)
        message = f"retired key {certificate.fingerprint} is needed by {counted(users, 'Campaign')}"
        yield Finding("certificates", Grade.OK, message, "" if users else "`ape capsule forget` removes it")
    if not lost and not identity.retired:
        yield Finding("certificates", Grade.OK, "each Campaign knows the Capsule by the current certificate")


def _check_keys(live: list[CampaignState], home: Path, passphrase: str | None) -> Iterator[Finding]:
    folder = home / KEYS_FOLDER
    missing = [one.id.hex() for one in live if not has_key(folder, one.id)]
    if missing:
        message = f"{counted(len(missing), 'open Campaign')} without a key pair here, such as 0x{missing[0]}"
        yield Finding("keys", Grade.FAIL, message, "restore the home from its backup: without the key the bond is lost")
        return
    if live and passphrase is not None:
        Keystore(folder, passphrase).get(live[0].id)
    opened = "; the passphrase opens the first" if live and passphrase is not None else ""
    yield Finding("keys", Grade.OK, f"{counted(len(live), 'open Campaign')}, each with its key pair{opened}")


def _closed(check: str) -> Finding:
    remedy = f"set {PASSPHRASE_VARIABLE}, or give --passphrase-fd or --keyring"
    return Finding(check, Grade.WARN, "not checked without the passphrase", remedy)
