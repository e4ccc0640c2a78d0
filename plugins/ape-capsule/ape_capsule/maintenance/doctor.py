"""What `ape capsule doctor` looks at: the Capsule's home, keys and certificates, and where it stands on chain."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ape.api import AccountAPI, ProviderAPI

from ape_capsule.errors import REMEDY
from ape_capsule.keys.announced_certificates import KeyNeed, needs
from ape_capsule.keys.openpgp_identity import Identity, require_identity
from ape_capsule.keys.paillier_keystore import Keystore, has_key
from ape_capsule.keys.warrant_log import read
from ape_capsule.service import KEYS_FOLDER, PASSPHRASE, STATE_FILE, WARRANT_FILE, own_campaigns
from sonar_core.app.connection import Connection, find_connection
from sonar_core.app.settings import configured_store, settings
from sonar_core.crypto.certificates import Certificate
from sonar_core.protocol.ledger import CampaignState
from sonar_core.protocol.structs import Status
from sonar_core.protocol.units import ZERO_ADDRESS
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

#: How long before it expires a certificate is worth a word, and a deadline before it is missed.
_SOON, _CLOSE = timedelta(days=30), timedelta(minutes=10)
_LIVE = (Status.OPEN, Status.CLOSING)


def capsule_checks(
    account: AccountAPI,
    provider: ProviderAPI | None,
    home: Path,
    passphrase: str | None,
    *,
    sonar: str | None,
    write: bool,
) -> Iterator[tuple[str, Check]]:
    """All checks of a Capsule, by name, in the order in which they are worth reading.

    Args:
        account: the Capsule's.
        provider: of the network; None where no node answers.
        home: the Capsule's.
        passphrase: of its vaults; None leaves them closed.
        sonar: address of the contract; else the one that was deployed from here.
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
    site = _OnceFound(account, sonar, home)
    yield "contracts", lambda: check_contracts(provider, site.found().chain)
    yield "tokens", lambda: check_tokens(site.found())
    yield "announced", lambda: _check_announced(site.found(), home, passphrase)
    yield "certificates", lambda: _check_certificates(site, home, passphrase)
    yield "keys", lambda: _check_keys(site.live_campaigns(), home, passphrase)
    yield "funds", lambda: check_funds(site.found().chain, str(account.address), site.bonds(), "the bonds asked for")
    yield "deadlines", lambda: [judge_deadlines([one.due_at() for one in site.live_campaigns()], site.now())]


class _OnceFound:
    """Sonar on chain, and the Capsule's Campaigns there: looked up when a check first asks."""

    def __init__(self, account: AccountAPI, sonar: str | None, home: Path) -> None:
        self._account, self._sonar, self._home = account, sonar, home
        self._site: Connection | None = None
        self._own: list[CampaignState] | None = None

    def found(self) -> Connection:
        if self._site is None:
            self._site = find_connection(self._account, self._sonar)
        return self._site

    def now(self) -> int:
        return self.found().chain.timestamp()

    def live_campaigns(self) -> list[CampaignState]:
        """Campaigns whose key is needed."""
        return [one for one in self.campaigns() if one.status(self.now()) in _LIVE]

    def bonds(self) -> int:
        """Wei of the bonds that Campaigns which await their opening ask for."""
        asked = [one.terms for one in self.campaigns() if one.status(self.now()) is Status.REQUESTED]
        return sum(terms.capsule_bond for terms in asked if terms.currency == ZERO_ADDRESS)

    def campaigns(self) -> list[CampaignState]:
        """All of the Capsule's."""
        if self._own is None:
            self._own = own_campaigns(self.found(), self._home)
        return self._own


def judge_deadlines(dues: list[int], now: int) -> Finding:
    """Whether the first of several windows (Unix seconds) is about to be missed, which costs the bond."""
    if not dues:
        return Finding("deadlines", Grade.OK, "no Campaign is open")
    left = min(dues) - now
    if left < _CLOSE.total_seconds():
        return Finding("deadlines", Grade.WARN, f"a window closes in {left} s", "see that the Capsule runs")
    return Finding("deadlines", Grade.OK, f"{len(dues)} Campaigns are open; the first window closes in {left} s")


def judge_certificate(certificate: Certificate, now: datetime) -> Finding:
    """Whether others can still seal to it. Raises CertificateError where they cannot."""
    certificate.recipient()
    expires = certificate.expires
    if expires is not None and expires < now + _SOON:
        words = f"certificate {certificate.fingerprint} expires on {expires:%Y-%m-%d}"
        return Finding("certificate", Grade.WARN, words, "replace it before with `ape capsule rotate`")
    return Finding("certificate", Grade.OK, f"{certificate.fingerprint} can be sealed to")


def _check_home(home: Path) -> Iterator[Finding]:
    require_identity(home)
    yield from check_permissions(home)


def _check_state(home: Path) -> Iterator[Finding]:
    if (home / STATE_FILE).exists():
        yield from check_journal(home / STATE_FILE, REMEDY)
    else:
        yield Finding("state", Grade.OK, "nothing was served yet")


def _check_warrants(home: Path) -> Iterator[Finding]:
    count = sum(1 for _ in read(home / WARRANT_FILE))
    yield Finding("warrants", Grade.OK, f"the log of {count} warrants follows from itself")


def _check_identity(home: Path, passphrase: str | None) -> Iterator[Finding]:
    require_identity(home)
    if passphrase is None:
        yield _closed("identity")
        return
    identity = Identity.load(home, passphrase)
    yield Finding("identity", Grade.OK, "the passphrase opens it")
    yield judge_certificate(identity.certificate, datetime.now(UTC))


def _check_announced(site: Connection, home: Path, passphrase: str | None) -> Iterator[Finding]:
    chain, store = site.chain, configured_store()
    address = chain.certificates_of(chain.sender)
    if not any(address):
        words = f"{chain.sender} has announced no Capsule"
        yield Finding("announced", Grade.FAIL, words, "run `ape capsule announce`, or use the Capsule's own account")
        return
    yield judge_ring(store, address, Identity.load(home, passphrase) if passphrase else None)


def judge_ring(store: BlobStore, address: bytes, identity: Identity | None) -> Finding:
    """Whether everybody seals to a certificate that this home has the key of."""
    ring = read_keyring(store, address)
    if identity is None:
        return _closed("announced")
    held = identity.among(ring)
    if held is None:
        words = "the ring on chain is not this home's: what is sealed to it cannot be opened here"
        return Finding("announced", Grade.FAIL, words, "run `ape capsule announce`, or restore the home that it is of")
    if held.fingerprint != identity.certificate.fingerprint:
        words = f"a rotation was cut short: the ring on chain is of {held.fingerprint}, which is retired here"
        return Finding("announced", Grade.WARN, words, "run `ape capsule rotate` again")
    words = f"the ring on chain holds this home's certificate, and {len(ring) - 1} more"
    return Finding("announced", Grade.OK, words if len(ring) > 1 else "the ring on chain is this home's")


def _check_certificates(site: _OnceFound, home: Path, passphrase: str | None) -> Iterator[Finding]:
    if passphrase is None:
        yield _closed("certificates")
        return
    identity = Identity.load(home, passphrase)
    yield from judge_needs(identity, list(needs(identity, configured_store(), site.campaigns(), site.now())))


def judge_needs(identity: Identity, needed: list[KeyNeed]) -> Iterator[Finding]:
    """Whether each Campaign has the key here that it knows the Capsule by, and each retired key its use."""
    if lost := [need.campaign.hex() for need in needed if not need.is_held]:
        words = f"{len(lost)} Campaigns know the Capsule by a certificate that is not here, 0x{lost[0]} among them"
        yield Finding("certificates", Grade.FAIL, words, "restore the home from its newest backup")
    for certificate in identity.retired:
        users = sum(certificate.fingerprint in need.keys for need in needed)
        words = f"retired key {certificate.fingerprint} is needed by {users or 'no'} Campaigns"
        yield Finding("certificates", Grade.OK, words, "" if users else "`ape capsule forget` removes it")
    if not lost and not identity.retired:
        yield Finding("certificates", Grade.OK, "each Campaign knows the Capsule by the current one")


def _check_keys(live: list[CampaignState], home: Path, passphrase: str | None) -> Iterator[Finding]:
    folder = home / KEYS_FOLDER
    missing = [one.id.hex() for one in live if not has_key(folder, one.id)]
    if missing:
        words = f"{len(missing)} open Campaigns have no key pair here, 0x{missing[0]} among them"
        yield Finding("keys", Grade.FAIL, words, "restore the home from its backup: without the key the bond is lost")
        return
    if live and passphrase is not None:
        Keystore(folder, passphrase).get(live[0].id)
    opened = "; the passphrase opens the first" if live and passphrase is not None else ""
    yield Finding("keys", Grade.OK, f"each of {len(live)} open Campaigns has its key pair{opened}")


def _closed(check: str) -> Finding:
    remedy = f"set {PASSPHRASE}, or give --passphrase-fd or --keyring"
    return Finding(check, Grade.WARN, "not looked into without the passphrase", remedy)
