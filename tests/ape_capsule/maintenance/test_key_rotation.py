"""One identity of several OpenPGP keys: replaced and forgotten, killed anywhere, with nothing lost."""

from __future__ import annotations

import fcntl
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pysequoia import Cert, Tsk, decrypt

from ape_capsule.errors import (
    KeyNotHeldError,
    KeyNotRetiredError,
    NotAnnouncedError,
    RetiredKeyInUseError,
    RingNotHeldError,
    StillAnnouncedError,
    TooManyKeysError,
)
from ape_capsule.home import sealed_files
from ape_capsule.home.paths import EVIDENCE_FOLDER, WEIGHTS_FOLDER
from ape_capsule.home.sealed_files import SealedFiles
from ape_capsule.keys.announced_certificates import KeyNeed, key_needs, our_certificate_in
from ape_capsule.keys.openpgp_identity import Identity
from ape_capsule.maintenance import key_rotation
from ape_capsule.maintenance.backup import back_up, restore
from ape_capsule.maintenance.doctor import judge_needs, judge_ring
from sonar_core.base import atomic_files as files
from sonar_core.crypto import vault
from sonar_core.crypto._unseal_child import NO_KEY
from sonar_core.crypto.certificates import LARGEST_KEYRING, CertificateError, Key, format_keyring, parse_keyring
from sonar_core.crypto.sealed_messages import WrongKeyError, seal, seal_anonymous, verify
from sonar_core.crypto.vault import LOWEST_COST
from sonar_core.protocol.structs import Status
from sonar_core.service.doctor import Grade
from sonar_core.store.embedded import EmbeddedStore
from tests.world.capsule import CAPSULE_TERMS, PASSPHRASE, KilledError

CAMPAIGN, MOST = bytes([7]) * 32, 1 << 20
SCIENTIST = Key.generate("Data Scientist")


class Registry:
    """The part of a chain that a rotation sees: what one Capsule has announced."""

    sender = "0x5A"

    def __init__(self) -> None:
        self.certificates = bytes(32)
        self.announced: list[tuple[bytes, Any, Any]] = []

    def certificates_of(self, capsule: str) -> bytes:
        assert capsule == self.sender
        return self.certificates

    def capsule_terms(self, capsule: str) -> Any:
        return CAPSULE_TERMS

    def announce(self, certificates: bytes, terms: Any, currencies: list[Any]) -> Any:
        self.announced.append((certificates, terms, currencies))
        self.certificates = certificates
        return SimpleNamespace(block=len(self.announced))


class Place:
    """A Capsule's home that is announced, with a head kept in it, and a process that may be killed."""

    def __init__(self, folder: Path) -> None:
        self.home, self.store, self.chain = folder / "capsule", EmbeddedStore(folder / "blobs"), Registry()
        self.first = Identity.create(self.home, "Capsule <c@example.org>", PASSPHRASE, cost=LOWEST_COST)
        self.chain.certificates = self.store.put(self.first.ring())
        for kept in (WEIGHTS_FOLDER, EVIDENCE_FOLDER):
            SealedFiles(self.home / kept, self.first).keep(CAMPAIGN, "one.sealed", kept.encode())

    def identity(self) -> Identity:
        return Identity.load(self.home, PASSPHRASE)

    def rotate(self, **options: Any) -> Identity:
        chain: Any = self.chain
        how = {"cost": LOWEST_COST, **options}
        return key_rotation.rotate(chain, self.store, self.home, PASSPHRASE, self.identity(), **how)[0]

    def announced(self) -> Any:
        chain: Any = self.chain
        return key_rotation.announced_by(chain, self.store, self.identity())

    def forget(self, fingerprint: str, needed: list[KeyNeed] | None = None) -> int:
        identity = self.identity()
        rest = key_rotation.without_key(identity, fingerprint, announced=self.announced(), needed=needed or [])
        return key_rotation.forget(self.home, PASSPHRASE, identity, rest, fingerprint, cost=LOWEST_COST)

    def kept(self, identity: Identity) -> list[bytes]:
        folders = (WEIGHTS_FOLDER, EVIDENCE_FOLDER)
        return [SealedFiles(self.home / folder, identity).take(CAMPAIGN, "one.sealed") for folder in folders]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_new_key_takes_over_and_the_old_one_still_does_its_part(place: Place) -> None:
    old = place.first.certificate
    place.rotate()
    identity = place.identity()
    assert identity.certificate not in (old, None)
    assert [one.fingerprint for one in identity.retired] == [old.fingerprint]
    assert identity.certificate.user_ids == old.user_ids
    assert place.chain.announced == [(place.store.address_of(identity.ring()), CAPSULE_TERMS, [])]
    assert parse_keyring(place.store.get(place.chain.certificates, limit=MOST)) == (identity.certificate,)
    for certificate in identity.certificates:
        assert identity.unseal_bundle(seal_anonymous(b"a bundle", [certificate]), limit=MOST) == b"a bundle"
        message = seal(b"rows", [certificate], signer=SCIENTIST)
        assert identity.unseal(message, signers=[SCIENTIST.certificate], limit=MOST) == b"rows"
        assert identity.unsealing_key(message, limit=MOST) == certificate
        assert verify(b"words", identity.sign(b"words", signer=certificate), identity.certificates) == certificate
    assert verify(b"words", identity.sign(b"words"), identity.certificates) == identity.certificate
    assert place.kept(identity) == [b"heads", b"evidence"]
    with pytest.raises(WrongKeyError):
        identity.unsealing_key(seal_anonymous(b"", [SCIENTIST.certificate]), limit=MOST)
    with pytest.raises(KeyNotHeldError):
        identity.sign(b"words", signer=SCIENTIST.certificate)


def test_a_vault_of_before_there_was_rotation_opens(tmp_path: Path) -> None:
    """One key without a word around it: what every home had on disk until then."""
    key = Key.generate("Capsule")
    vault.write(tmp_path / "identity.vault", key.to_bytes(), PASSPHRASE, purpose="capsule-identity", cost=LOWEST_COST)
    before = (tmp_path / "identity.vault").read_bytes()
    identity = Identity.load(tmp_path, PASSPHRASE)
    assert (identity.certificates, identity.retired) == ((key.certificate,), ())
    assert (tmp_path / "identity.vault").read_bytes() == before
    identity.with_new_key("Capsule").keep(tmp_path, PASSPHRASE, cost=LOWEST_COST)
    assert Identity.load(tmp_path, PASSPHRASE).retired == (key.certificate,)


def test_only_what_is_announced_is_replaced(place: Place, tmp_path: Path) -> None:
    place.chain.certificates = bytes(32)
    with pytest.raises(NotAnnouncedError, match="ape capsule announce"):
        place.rotate()
    place.chain.certificates = place.store.put(format_keyring([SCIENTIST.certificate]))
    with pytest.raises(RingNotHeldError, match=SCIENTIST.fingerprint):
        place.rotate()
    assert place.identity().certificates == (place.first.certificate,)


def test_a_user_id_may_change_and_must_be_one(place: Place) -> None:
    with pytest.raises(CertificateError, match="a user id is one line"):
        place.rotate(user_id="two\nlines")
    assert place.identity().retired == ()
    assert place.rotate(user_id="Carol").certificate.user_ids == ("Carol",)


def test_so_many_keys_and_no_more(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ape_capsule.keys.openpgp_identity.LARGEST_KEYRING", 2)
    place.rotate()
    with pytest.raises(TooManyKeysError, match="ape capsule forget"):
        place.rotate()
    assert len(place.identity().certificates) == 2
    assert LARGEST_KEYRING == 16


# ------------------------------------------------------------------ killed anywhere


class Fuses:
    """Kills once, at the n-th moment at which anything reaches the disk or the chain."""

    def __init__(self) -> None:
        self.left = -1

    def burn(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise KilledError("a moment")

    def wired(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def function(*arguments: Any, **named: Any) -> Any:
            self.burn()
            result = real(*arguments, **named)
            self.burn()
            return result

        return function


@pytest.fixture
def fuses(monkeypatch: pytest.MonkeyPatch) -> Fuses:
    fuses = Fuses()
    for where, name in (
        (files.os, "replace"),
        (files.os, "fsync"),
        (EmbeddedStore, "put"),
        (Registry, "announce"),
        (vault, "write"),
        (sealed_files, "write_atomically"),
    ):
        monkeypatch.setattr(where, name, fuses.wired(getattr(where, name)))
    return fuses


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages are opened in this process: the child that does it would be started hundreds of times."""

    def opened(request: dict[str, Any], limit: int, patience: float) -> tuple[bytes, Any]:
        signers = Cert.split_bytes(request["signers"].encode()) if request["signers"] else None
        store = (lambda _ids: signers) if signers else None
        message = Path(request["message"]).read_bytes()
        for place, key in enumerate(request["keys"]):
            decryptor = Tsk.from_bytes(b64decode(key)).decryptor()
            with suppress(RuntimeError):
                found = decrypt(message, decryptor=decryptor, store=store)
                return found.bytes, {"key": place, "signed_by": [one.certificate for one in found.valid_sigs]}
        return b"", {"error": NO_KEY}

    monkeypatch.setattr("sonar_core.crypto.sealed_messages._run_child", opened)


def killed_everywhere(
    tmp_path: Path, fuses: Fuses, begin: Callable[[Path], Place], work: Callable[[Place], object]
) -> Iterator[Place]:
    """A place for each moment at which `work` can be killed, after it was."""
    for moment in range(1, 100):
        (tmp_path / str(moment)).mkdir()
        place = begin(tmp_path / str(moment))
        fuses.left = moment
        try:
            work(place)
        except KilledError:
            fuses.left = -1
            yield place
        else:
            fuses.left = -1
            return


@pytest.mark.usefixtures("here")
def test_a_rotation_killed_anywhere_is_finished_by_the_next_one(tmp_path: Path, fuses: Fuses) -> None:
    moments = 0
    for place in killed_everywhere(tmp_path, fuses, Place, Place.rotate):
        moments += 1
        # Whoever seals now, seals to a key that is on disk.
        assert place.identity().unseal_bundle(seal_anonymous(b"x", _ring(place)), limit=MOST) == b"x"
        if place.announced() == place.first.certificate:
            place.rotate()
        identity = place.identity()
        assert [one.fingerprint for one in identity.retired] == [place.first.certificate.fingerprint]
        assert place.announced() == identity.certificate
        assert place.kept(identity) == [b"heads", b"evidence"]
    assert moments >= 15, moments


@pytest.mark.usefixtures("here")
def test_forgetting_killed_anywhere_is_finished_by_the_next_one(tmp_path: Path, fuses: Fuses) -> None:
    def begin(folder: Path) -> Place:
        place = Place(folder)
        place.rotate()
        return place

    moments = 0
    for place in killed_everywhere(tmp_path, fuses, begin, lambda one: one.forget(one.first.certificate.fingerprint)):
        moments += 1
        assert place.kept(place.identity()) == [b"heads", b"evidence"]
        if place.identity().retired:
            place.forget(place.first.certificate.fingerprint)
        assert place.identity().retired == ()
        assert place.kept(place.identity()) == [b"heads", b"evidence"]
    assert moments >= 20, moments


def _ring(place: Place) -> Any:
    return parse_keyring(place.store.get(place.chain.certificates, limit=MOST))


# ------------------------------------------------------------------ forgetting


def test_a_key_is_forgotten_only_when_nobody_needs_it(place: Place) -> None:
    old = place.first.certificate.fingerprint
    with pytest.raises(KeyNotRetiredError, match="ape capsule rotate"):
        place.forget(old)
    place.rotate()
    with pytest.raises(KeyNotHeldError, match="ape capsule keys"):
        place.forget(SCIENTIST.fingerprint)
    with pytest.raises(RetiredKeyInUseError, match=f"needed by 1 Campaign, such as 0x{CAMPAIGN.hex()}"):
        place.forget(old, [KeyNeed(CAMPAIGN, Status.OPEN, frozenset({old}))])
    announced, place.chain.certificates = place.chain.certificates, place.store.address_of(place.first.ring())
    with pytest.raises(StillAnnouncedError):
        place.forget(old)
    place.chain.certificates = announced
    assert len(place.identity().retired) == 1

    newest = place.identity().certificate.fingerprint
    assert place.forget(old, [KeyNeed(CAMPAIGN, Status.OPEN, frozenset({newest}))]) == 2
    rest = place.identity()
    assert [one.fingerprint for one in rest.certificates] == [newest]
    assert place.kept(rest) == [b"heads", b"evidence"]


def test_sealing_anew_makes_no_forgery_true(place: Place) -> None:
    """A file that somebody put there is sealed to the Capsule, as anybody can; signed by it it must not become."""
    forged = seal(b"forged", [place.first.certificate], signer=SCIENTIST)
    files = {"forged.sealed": forged, "damaged.sealed": b"\xc1junk", "other.sealed": _to_another()}
    for name, content in files.items():
        (place.home / WEIGHTS_FOLDER / CAMPAIGN.hex() / name).write_bytes(content)
    place.rotate()
    assert place.forget(place.first.certificate.fingerprint) == 2
    for name, content in files.items():
        assert (place.home / WEIGHTS_FOLDER / CAMPAIGN.hex() / name).read_bytes() == content


def _to_another() -> bytes:
    return seal_anonymous(b"", [SCIENTIST.certificate])


def test_no_backup_is_made_while_a_key_is_forgotten(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that took the heads before they were sealed anew, and the keys after, could not open them."""
    held = []

    def keep(identity: Identity, home: Path, passphrase: str, **options: Any) -> None:
        with (home / ".backup" / "lock").open() as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        held.append(home)

    place.rotate()
    monkeypatch.setattr(Identity, "keep", keep)
    place.forget(place.first.certificate.fingerprint)
    assert held == [place.home]


# ------------------------------------------------------------------ who needs what


def campaign(place: Place, status: Status, ring: bytes, sealed_to: Any, *, claims: bool = False) -> Any:
    validation = seal(b"rows", [sealed_to], signer=SCIENTIST) if sealed_to else b"nowhere"
    address = place.store.put(validation) if sealed_to else place.store.address_of(validation)
    return SimpleNamespace(
        id=CAMPAIGN,
        terms=SimpleNamespace(validation=address),
        certificates=place.store.put(ring),
        status=lambda now: status,
        claims_open=lambda now: claims,
        claims_open_at=lambda: 0,
        ends_at=0,
    )


def test_which_campaign_needs_which_key(place: Place) -> None:
    old = place.first.certificate
    place.rotate()
    identity = place.identity()
    new, before, after = identity.certificate, format_keyring([old]), identity.ring()
    both = {old.fingerprint, new.fingerprint}

    def needed(*arguments: Any, **options: Any) -> list[tuple[set[str], bool]]:
        found = key_needs(identity, place.store, [campaign(place, *arguments, **options)], 0)
        return [(set(need.keys), need.is_held) for need in found]

    assert needed(Status.OPEN, before, old) == [({old.fingerprint}, True)]
    assert needed(Status.OPEN, after, new) == [({new.fingerprint}, True)]
    # Requested before the rotation, and opened after it.
    assert needed(Status.CLOSING, after, old) == [(both, True)]
    assert needed(Status.REQUESTED, b"", None) == [(both, True)]
    # What cannot be told may need any.
    assert needed(Status.OPEN, after, None) == [(both, True)]
    assert needed(Status.OPEN, format_keyring([SCIENTIST.certificate, old]), old) == [({old.fingerprint}, True)]
    assert needed(Status.OPEN, format_keyring([SCIENTIST.certificate]), old) == [({old.fingerprint}, False)]
    # Over: an audit window may still be open.
    assert needed(Status.DELIVERED, before, old) == [({old.fingerprint}, True)]
    assert needed(Status.DELIVERED, before, old, claims=True) == []
    assert needed(Status.DECLINED, before, old) == needed(Status.CANCELLED, before, old) == []


def test_the_store_is_not_asked_for_a_ring_of_its_own(place: Place, tmp_path: Path) -> None:
    """A delivery, and with it the bond, does not hang on whether somebody kept the ring."""
    place.rotate()
    identity, empty = place.identity(), EmbeddedStore(tmp_path / "empty")
    for certificate in identity.certificates:
        assert our_certificate_in(identity, empty, empty.address_of(format_keyring([certificate]))) == certificate


def test_the_doctor_tells_lost_keys_and_idle_ones(place: Place) -> None:
    old = place.first.certificate.fingerprint
    (well,) = judge_needs(place.identity(), [])
    assert (well.grade, well.remedy) == (Grade.OK, "")
    place.rotate()
    identity = place.identity()
    (idle,) = judge_needs(identity, [])
    assert (idle.grade, "ape capsule forget" in idle.remedy) == (Grade.OK, True)
    used = KeyNeed(CAMPAIGN, Status.OPEN, frozenset({old}))
    lost = KeyNeed(CAMPAIGN, Status.OPEN, frozenset(), is_held=False)
    found = list(judge_needs(identity, [used, lost]))
    assert [one.grade for one in found] == [Grade.FAIL, Grade.OK]
    assert CAMPAIGN.hex() in found[0].words
    assert f"{old} is needed by 1 Campaign" in found[1].words


def test_the_doctor_tells_half_a_rotation(place: Place) -> None:
    place.rotate()
    identity, store = place.identity(), place.store

    def found(*ring: Key | Identity) -> tuple[Grade, str]:
        finding = judge_ring(store, store.put(format_keyring([one.certificate for one in ring])), identity)
        return finding.grade, finding.remedy

    assert found(identity) == found(identity, SCIENTIST) == (Grade.OK, "")
    assert found(place.first) == (Grade.WARN, "run `ape capsule rotate` again")
    assert found(SCIENTIST)[0] is Grade.FAIL


def test_a_backup_holds_all_keys_and_an_older_one_does_not(place: Place, tmp_path: Path) -> None:
    back_up(place.home, tmp_path / "before", PASSPHRASE, cost=LOWEST_COST)
    place.rotate()
    back_up(place.home, tmp_path / "after", PASSPHRASE, cost=LOWEST_COST)
    restore(tmp_path / "after", tmp_path / "again", PASSPHRASE)
    again = Identity.load(tmp_path / "again", PASSPHRASE)
    assert again.certificates == place.identity().certificates
    assert SealedFiles(tmp_path / "again" / WEIGHTS_FOLDER, again).take(CAMPAIGN, "one.sealed") == b"heads"

    restore(tmp_path / "before", tmp_path / "older", PASSPHRASE)
    chain: Any = place.chain
    older = Identity.load(tmp_path / "older", PASSPHRASE)
    with pytest.raises(RingNotHeldError, match="newest backup"):
        key_rotation.rotate(chain, place.store, tmp_path / "older", PASSPHRASE, older, cost=LOWEST_COST)
    assert Identity.load(tmp_path / "older", PASSPHRASE).retired == ()
