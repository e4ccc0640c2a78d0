"""A rotation in the middle of Campaigns: each ends under the certificate it knows the Capsule by, and gpg agrees."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest

from ape_capsule.keys.destruction_statement import check_statement
from ape_capsule.keys.openpgp_identity import Identity
from ape_sonar.delivery_verification import open_delivery
from sonar_core.crypto.certificates import Certificate, Key
from sonar_core.protocol.delivery import Delivery
from sonar_core.protocol.structs import Status
from sonar_core.store.artifacts import read_keyring
from tests.world import capsule as capsule_world
from tests.world.capsule import PASSPHRASE, World, spec

pytestmark = [
    pytest.mark.chain,
    pytest.mark.skipif(shutil.which("gpg") is None, reason="gpg is not installed on this machine"),
]


@pytest.fixture
def gpg(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """gpg of a Data Scientist whose key it made: what it prints, and its machine-readable status lines."""
    # Not below pytest's own folder: the path of gpg-agent's socket may have 107 characters.
    with tempfile.TemporaryDirectory(prefix="gpg-") as home:

        def run(*arguments: str, given: bytes = b"") -> tuple[bytes, str]:
            options = ["--homedir", home, "--batch", "--trust-model", "always", "--status-fd", "2"]
            options += ["--pinentry-mode", "loopback", "--passphrase", ""]
            done = subprocess.run(["gpg", *options, *arguments], input=given, capture_output=True, check=True)
            return done.stdout, done.stderr.decode("ascii", "replace")

        try:
            run("--quick-gen-key", "alice@example.org", "default", "default", "never")
            key = Key.from_bytes(run("--export-secret-keys")[0])
            monkeypatch.setattr(capsule_world, "scientist_key", lambda: key)
            yield run
        finally:
            subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=True)


def delivered(world: World, gpg: Any, campaign: bytes) -> str:
    """Opens a delivery twice, by Sonar's own client and by gpg; the fingerprint of who signed it."""
    state = world.state(campaign)
    assert state.recorded is Status.DELIVERED
    open_delivery(world.store, [capsule_world.scientist_key()], state, world.validation())
    content, status = gpg("--decrypt", given=world.store.get(state.delivery, limit=1 << 20))
    assert Delivery.from_bytes(content).campaign == campaign
    (signer,) = re.findall(r"^\[GNUPG:\] VALIDSIG .* (\w{40})$", status, re.M)
    return str(signer)


def shown(ape_capsule: Any) -> list[tuple[str, str, bool, set[str]]]:
    (line,) = [line for line in ape_capsule("keys", "--json").splitlines() if line[0] == "["]
    facts = json.loads(line)
    return [(one["fingerprint"], one["state"], one["announced"], set(one["campaigns"])) for one in facts]


def test_campaigns_of_before_and_after_a_rotation_are_delivered_and_opened(
    world: World, ape_capsule: Any, gpg: Any
) -> None:
    old = world.identity.certificate.fingerprint
    terms = world.as_("capsule").capsule_terms(str(world.accounts["capsule"].address))
    before = world.create()
    assert "opened" in ape_capsule("run", "--once")
    world.submit_gradient(before, world.gradient(before, 11))
    between = world.create()  # sealed to the old certificate, and opened under the new one

    assert shown(ape_capsule) == [(old, "current", True, {_name(before), _name(between)})]
    assert "nothing was sent" in ape_capsule("rotate", status=1)
    assert "Dry run" in ape_capsule("rotate", "--dry-run")
    assert Identity.load(world.home, PASSPHRASE).retired == ()
    output = ape_capsule("rotate", "--yes")
    assert "Rotate the OpenPGP key" in output
    assert f"{old},whichcertifiesthenewone" in "".join(output.split())
    assert "2, which keep the key that they know" in " ".join(output.split())
    identity = Identity.load(world.home, PASSPHRASE)
    new = identity.certificate.fingerprint
    assert f"{new} is announced as {world.accounts['capsule'].address}" in output
    assert world.as_("capsule").capsule_terms(str(world.accounts["capsule"].address)) == terms

    assert "scored" in (told := ape_capsule("run", "--once"))
    assert "opened" in told
    after = world.create()
    assert "opened" in ape_capsule("run", "--once")
    rings = {one: read_keyring(world.store, world.state(one).certificates) for one in (before, between, after)}
    assert [_only(rings[one]) for one in (before, between, after)] == [old, new, new]
    for campaign in (between, after):
        world.submit_gradient(campaign, world.gradient(campaign, 12))
    world.submit_gradient(before, world.gradient(before, 13, version=1), version=1)
    ape_capsule("run", "--once")
    assert [world.state(one).scored for one in (before, between, after)] == [2, 1, 1]
    assert shown(ape_capsule) == [
        (new, "current", True, {_name(between), _name(after)}),
        (old, "retired", False, {_name(before), _name(between)}),
    ]
    assert f"key {old} is needed by 2 Campaigns" in ape_capsule("forget", old, "--yes", status=1)

    gpg("--import", given=ape_capsule("certificates").encode())
    signatures = gpg("--with-colons", "--check-sigs", new)[0].decode().splitlines()
    assert any(line.startswith(f"sig:!::22:{old[-16:]}:") and ":13x:" in line for line in signatures)
    world.until_end(after)
    ape_capsule("run", "--once")
    signers = [delivered(world, gpg, campaign) for campaign in (before, between, after)]
    assert signers == [old, new, new]

    assert "is gone" in ape_capsule("destroy", _name(before), "--yes")
    statement = world.home / "statements" / f"{before.hex()}.json"
    check_statement(statement.read_bytes(), statement.with_suffix(".json.asc").read_bytes(), rings[before])
    in_groups = " ".join(old[place : place + 4].lower() for place in range(0, 40, 4))
    assert f"The key {old} is gone" in ape_capsule("forget", in_groups, given="y\n")
    assert "no fingerprint" in ape_capsule("forget", "0x12", status=1)
    assert shown(ape_capsule) == [(new, "current", True, set())]
    # Heads that were sealed to the forgotten key: a later Campaign may still start from them.
    reached = world.state(before).accuracy
    from_parent = spec(initial={"kind": "parent"}).to_bytes()
    child = world.create(spec_bytes=from_parent, parent=before, starting_accuracy=reached)
    assert "opened" in ape_capsule("run", "--once")
    assert world.state(child).accuracy == reached


def _name(campaign: bytes) -> str:
    return "0x" + campaign.hex()


def _only(ring: tuple[Certificate, ...]) -> str:
    (certificate,) = ring
    return certificate.fingerprint
