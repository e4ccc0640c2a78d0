"""The Capsule against the contracts themselves: what it answers, scores, rejects, rebases, delivers and collects."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from threading import Event as Flag
from typing import Any

import gmpy2
import pytest

from ape_capsule.errors import CapsuleError
from ape_capsule.home.paths import KEYS_FOLDER, WARRANT_FILE
from ape_capsule.home.plaintext_weights import PlaintextWeights
from ape_capsule.home.sealed_files import SealedFiles
from ape_capsule.keys import paillier_keystore
from ape_capsule.keys.paillier_keystore import destroy_key
from ape_capsule.keys.warrant_log import Kind, read
from ape_capsule.loop import Capsule
from ape_capsule.moves import open_or_decline
from ape_capsule.scoring import score
from sonar_core.chain.contracts import SonarContracts, UnconfirmedError
from sonar_core.crypto.certificates import Certificate, Key
from sonar_core.crypto.sealed_messages import UnsealTimeoutError, seal, seal_anonymous, unseal
from sonar_core.protocol.commitments import openings_root, tensor_root
from sonar_core.protocol.delivery import Delivery
from sonar_core.protocol.events import ModelRebased
from sonar_core.protocol.ledger import CampaignState
from sonar_core.protocol.structs import Rejection, Status
from sonar_core.protocol.units import WAD, ZERO_ADDRESS
from sonar_core.protocol.validation_set import ValidationSet
from sonar_core.service.action import Action
from sonar_core.service.observer import Observer, Vitals
from sonar_core.store import StoreUnavailableError
from sonar_core.store.artifacts import read_tensor
from sonar_core.store.embedded import EmbeddedStore
from syft import wire
from syft.nn import apply_delta
from syft.paillier import EncryptedTensor, IntegerTensor, Packing, unpack, verify_openings
from tests.world.capsule import (
    CAPSULE_TERMS,
    FEE,
    ONE,
    PASSPHRASE,
    World,
    key_pair,
    kinds,
    model,
    rows,
    scientist_key,
    spec,
)

pytestmark = pytest.mark.chain


@pytest.fixture(autouse=True)
def right_clock(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's clock is the chain's, which in tests runs ahead of the real one."""
    monkeypatch.setattr("ape_capsule.moves.open_or_decline.unix_time", lambda: world.chain.blocks.head.timestamp)


@pytest.fixture
def oracle(world: World) -> Iterator[Capsule]:
    oracle = world.oracle()
    yield oracle
    oracle.close()


@pytest.fixture
def campaign(world: World, oracle: Capsule) -> bytes:
    """An Open one."""
    campaign = world.create()
    assert kinds(oracle.step()) == ["opened"]
    return campaign


def plain_accuracy(weights: IntegerTensor, seed: int = 1) -> int:
    """Rows right on the validation set, by a plain loop over Python integers."""
    inputs, classes = rows(seed)
    right = 0
    for row, (wanted,) in zip(inputs.tolist(), classes.tolist(), strict=True):
        sums = [sum(x * int(w) for x, w in zip([*row, ONE], column, strict=True)) for column in weights.values.T]
        right += sums.index(max(sums)) == wanted
    return right * WAD // len(classes)


def decrypted(world: World, campaign: bytes, tensor: EncryptedTensor) -> IntegerTensor:
    private = paillier_keystore.Keystore(world.home / "keys", PASSPHRASE).get(campaign)
    return private.decrypt(tensor)


# ---------------------------------------------------------------------- the whole of it


def test_a_campaign_from_opening_to_the_last_coin(world: World, oracle: Capsule, campaign: bytes) -> None:
    opened = world.state(campaign)
    assert opened.start is not None
    assert opened.start.accuracy == world.starting_accuracy()
    first = world.gradient(campaign, 11)
    world.submit_gradient(campaign, first)
    world.submit_gradient(campaign, world.gradient(campaign, 12, wrong=True), role="second miner")

    assert kinds(oracle.step()) == ["scored"]
    assert kinds(oracle.step()) == ["scored"]
    assert oracle.step() == []
    state = world.state(campaign)
    good, bad = state.gradients[0], state.gradients[1]
    assert good.score is not None
    assert bad.score is not None

    delta, start = decrypted(world, campaign, first), decrypted(world, campaign, world.head(campaign, 0))
    tried = [plain_accuracy(apply_delta(start, delta, step, model().fixed_point)) for step in (1, 2, 3, 4)]
    assert good.score.accuracy == max(tried) == state.accuracy > opened.accuracy
    assert good.score.step_size == max(step for step in (1, 2, 3, 4) if tried[step - 1] == max(tried))
    assert (bad.score.model, bad.score.model_root, bad.rise) == (bytes(32), state.models[1].root, 0)

    published = read_tensor(world.store, good.score.unsealed_bundle, tensor_root(first), world.context(campaign))
    moved = apply_delta(world.head(campaign, 0), published, good.score.step_size, model().fixed_point)
    assert tensor_root(moved) == good.score.model_root == state.model.root

    world.until_end(campaign)
    assert kinds(oracle.step()) == ["delivered"]
    state = world.state(campaign)
    sealed = world.store.get(state.delivery, limit=1 << 20)
    data = unseal(sealed, scientist_key(), signers=[world.identity.certificate], limit=1 << 20)
    delivery, context = Delivery.from_bytes(data), world.context(campaign)
    openings = wire.loads_openings(delivery.openings, context)
    verify_openings(moved, openings)
    assert openings_root(context, openings) == state.openings_root
    assert plain_accuracy(unpack(openings.plaintexts, moved)) == delivery.accuracy == state.accuracy

    assert kinds(oracle.step()) == ["collected", "collected"]
    assert oracle.step() == []
    assert world.state(campaign).bond_collected
    assert world.state(campaign).scoring_fees_collected

    warrants = [entry.warrant for entry in read(world.home / WARRANT_FILE)]
    assert [(one.kind, one.number) for one in warrants] == [(Kind.GRADIENT, 0), (Kind.GRADIENT, 1), (Kind.MODEL, 1)]
    client = world.as_("capsule")
    events = client.events(world.start, client.newest_block() + 1)
    registered = {type(event).__name__: event.position.transaction for event in reversed(events)}
    assert warrants[0].transaction == registered["GradientSubmitted"]
    assert warrants[2].transaction == registered["GradientScored"]
    assert list((world.home / "evidence").rglob("*.sealed")) == []


def test_evidence_proves_the_score_and_rests_sealed(world: World, oracle: Capsule, campaign: bytes) -> None:
    gradient = world.gradient(campaign, 11)
    world.submit_gradient(campaign, gradient)
    oracle.step()
    (file,) = (world.home / "evidence" / campaign.hex()).iterdir()
    arrays = wire.loads_arrays(world.identity.unseal_own(file.read_bytes(), limit=1 << 20))
    context = world.context(campaign)
    openings = wire.loads_openings(arrays["openings"].tobytes(), context)
    verify_openings(gradient, openings)
    assert arrays["predictions"].shape == (len(rows(1)[0]), 1)
    assert b"openings" not in file.read_bytes()
    assert file.stat().st_mode & 0o077 == 0


# ---------------------------------------------------------------------- declining


def declined(world: World, oracle: Capsule, campaign: bytes) -> str:
    assert kinds(oracle.step()) == ["declined"]
    state = world.state(campaign)
    assert state.recorded is Status.DECLINED
    assert len(state.reason.encode()) <= 256
    return state.reason


def test_a_claim_off_by_one_row_is_opened_and_by_two_declined(world: World, oracle: Capsule) -> None:
    count, right = len(rows(1)[0]), int((rows(1)[1] == 0).sum())
    near = world.create(starting_accuracy=(right + 1) * WAD // count)
    far = world.create(starting_accuracy=(right + 2) * WAD // count)
    assert sorted(kinds(oracle.step()) + kinds(oracle.step())) == ["declined", "opened"]
    assert world.state(near).accuracy == right * WAD // count
    assert f"{right / count:.4f}, not {(right + 2) / count:.4f}" in world.state(far).reason


def _other_signer(world: World) -> dict[str, Any]:
    validation = world.validation()
    sealed = seal(validation.to_bytes(), [world.identity.certificate], signer=Key.generate("Mallory"))
    return {"sealed": sealed, "validation": validation}


def _unsigned(world: World) -> dict[str, Any]:
    validation = world.validation()
    return {"sealed": seal_anonymous(validation.to_bytes(), [world.identity.certificate]), "validation": validation}


def _other_rows(world: World) -> dict[str, Any]:
    sealed = seal(world.validation(2).to_bytes(), [world.identity.certificate], signer=scientist_key())
    return {"sealed": sealed, "validation": world.validation(1)}


def _classes_beyond(world: World) -> dict[str, Any]:
    inputs, classes = rows(1)
    return {"validation": ValidationSet.build(inputs, classes + 1)}


@pytest.mark.parametrize(
    ("flaw", "word"),
    [
        (lambda world: {"spec_bytes": b"{}"}, "spec"),
        (lambda world: {"spec_bytes": b"\x80" * 2000}, "spec"),
        (lambda world: {"spec_bytes": b"x" * ((1 << 20) + 1)}, "longer"),
        (lambda world: {"scheme": 2}, "scheme 2"),
        (lambda world: {"spec_bytes": spec(key_bits=8192).to_bytes()}, "8192 bits"),
        (lambda world: {"spec_bytes": spec(initial={"kind": "parent"}).to_bytes()}, "parent"),
        (_other_signer, "signature"),
        (_unsigned, "sign"),
        (_other_rows, "root"),
        (_classes_beyond, "outside"),
        (lambda world: {"sealed": b"no message at all"}, "OpenPGP"),
        (lambda world: {"target_accuracy": world.starting_accuracy() + 1, "starting_accuracy": 0}, "starting accuracy"),
    ],
)
def test_what_nobody_can_run_is_declined_with_its_reason(
    world: World, oracle: Capsule, flaw: Callable[[World], dict[str, Any]], word: str
) -> None:
    campaign = world.create(**flaw(world))
    assert word in declined(world, oracle, campaign)
    assert oracle.step() == []


@pytest.mark.parametrize("flaw", [_unsigned, _other_signer])
def test_a_clock_that_is_behind_declines_nobody_for_a_signature(
    world: World, oracle: Capsule, monkeypatch: pytest.MonkeyPatch, flaw: Callable[[World], dict[str, Any]]
) -> None:
    """What was signed a moment ago is of the future to a clock an hour behind: nothing is answered until it is set."""
    campaign = world.create(**flaw(world))
    with monkeypatch.context() as patch:
        patch.setattr("ape_capsule.moves.open_or_decline.unix_time", lambda: world.chain.blocks.head.timestamp - 3600)
        (action,) = oracle.step()
    assert (action.kind, "3600 s behind" in action.words, "NTP" in action.words) == ("trouble", True, True)
    assert world.state(campaign).recorded is Status.REQUESTED
    assert "sign" in declined(world, oracle, campaign)


def test_a_transaction_that_waits_ends_the_look_and_is_told_once(
    world: World, oracle: Capsule, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bytes] = []

    def late(chain: Any, campaign: bytes, *arguments: Any, **named: Any) -> None:
        asked.append(campaign)
        chain._sender.waits = "transaction 0x1 waits for its block"
        raise UnconfirmedError("0x1")

    campaigns = {world.create(), world.create()}
    with monkeypatch.context() as patch:
        patch.setattr(SonarContracts, "open", late)
        assert kinds(oracle.step()) == ["waiting"]
        patch.setattr(SonarContracts, "tend", lambda chain, until: chain.waits)
        assert [kinds(oracle.step()) for _ in range(2)] == [["waiting"], []]
    assert len(asked) == 1
    assert [kinds(oracle.step()) for _ in range(2)] == [["opened"]] * 2
    assert {world.state(campaign).recorded for campaign in campaigns} == {Status.OPEN}


def test_a_model_larger_than_announced_is_declined(world: World, oracle: Capsule) -> None:
    world.announce(replace(CAPSULE_TERMS, largest_model=2))
    assert "3 ciphertexts" in declined(world, oracle, world.create())


def test_terms_raised_after_the_request_are_not_the_capsules_any_more(world: World, oracle: Capsule) -> None:
    campaign = world.create()
    world.announce(replace(CAPSULE_TERMS, scoring_window=7200))
    assert "scoring window" in declined(world, oracle, campaign)


def test_a_bond_that_would_lie_for_years_is_declined(world: World, oracle: Capsule) -> None:
    assert "days" in declined(world, oracle, world.create(duration=2 * 365 * 86_400))


def test_a_certificate_that_expires_before_the_last_delivery_is_declined(
    world: World, oracle: Capsule, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = datetime.fromtimestamp(world.chain.blocks.head.timestamp + 86_400, UTC)
    monkeypatch.setattr(Certificate, "expires", property(lambda self: soon))
    assert "expires" in declined(world, oracle, world.create())


def test_a_reason_in_any_script_fits_the_contract(world: World, oracle: Capsule) -> None:
    document = json.loads(spec().to_bytes()) | {"é" * 300: 1}
    reason = declined(world, oracle, world.create(spec_bytes=json.dumps(document, ensure_ascii=False).encode()))
    assert reason


def test_what_is_not_published_yet_is_waited_for(world: World, oracle: Capsule) -> None:
    data = spec(description="later").to_bytes()
    campaign = world.create(spec=world.store.address_of(data))
    assert kinds(oracle.step()) == ["waiting"]
    assert oracle.step() == []
    world.store.put(data)
    assert kinds(oracle.step()) == ["opened"]
    assert world.state(campaign).recorded is Status.OPEN


def test_a_campaign_in_an_erc20_is_bonded_from_an_allowance(world: World, oracle: Capsule, token: Any) -> None:
    world.announce(CAPSULE_TERMS, (ZERO_ADDRESS, token.address))
    campaign, before = world.create(currency=token.address), token.balanceOf(world.accounts["capsule"])
    assert kinds(oracle.step()) == ["opened"]
    assert before - token.balanceOf(world.accounts["capsule"]) == 2000 == world.state(campaign).terms.capsule_bond
    world.until_end(campaign)
    assert kinds(oracle.step()) == ["delivered"]
    assert kinds(oracle.step()) == ["collected"]
    assert token.balanceOf(world.accounts["capsule"]) == before + 50


# ---------------------------------------------------------------------- rejecting


def rejected(world: World, oracle: Capsule, campaign: bytes) -> str:
    """The Capsule's reason, after it rejected the oldest Gradient as malformed."""
    number = world.state(campaign).scored
    (action,) = oracle.step()
    gradient = world.state(campaign).gradients[number]
    assert (action.kind, gradient.rejection) == ("rejected", Rejection.MALFORMED)
    return action.words


Flaw = Callable[[World, bytes, EncryptedTensor], tuple[Any, bytes, dict[str, Any]]]


def _sealed_to_another(world: World, campaign: bytes, gradient: EncryptedTensor) -> tuple[Any, bytes, dict[str, Any]]:
    bundle = world.bundle(campaign, gradient)
    return bundle, tensor_root(gradient), {"sealed": seal_anonymous(bundle.to_bytes(), [Key.generate("X").certificate])}


def _header(**changes: Any) -> Flaw:
    def flaw(world: World, campaign: bytes, gradient: EncryptedTensor) -> tuple[Any, bytes, dict[str, Any]]:
        return replace(world.bundle(campaign, gradient), **changes), tensor_root(gradient), {"version": 0}

    return flaw


def _ciphertext(make: Callable[[int], int]) -> Flaw:
    """The first ciphertext replaced by a number made of the modulus."""

    def flaw(world: World, campaign: bytes, gradient: EncryptedTensor) -> tuple[Any, bytes, dict[str, Any]]:
        number = gmpy2.mpz(make(int(gradient.context.n)))
        bad = replace(gradient, ciphertexts=[number, *gradient.ciphertexts[1:]])
        return world.bundle(campaign, bad), tensor_root(bad), {}

    return flaw


def _wrong_length(world: World, campaign: bytes, gradient: EncryptedTensor) -> tuple[Any, bytes, dict[str, Any]]:
    bundle = world.bundle(campaign, gradient)
    return replace(bundle, gradient=bundle.gradient[:-1]), tensor_root(gradient), {}


def _another_root(world: World, campaign: bytes, gradient: EncryptedTensor) -> tuple[Any, bytes, dict[str, Any]]:
    return world.bundle(campaign, gradient), b"\x01" * 32, {}


def _another_shape(world: World, campaign: bytes, gradient: EncryptedTensor) -> tuple[Any, bytes, dict[str, Any]]:
    bad = replace(gradient, ciphertexts=gradient.ciphertexts[:2], shape=(2, 2))
    return world.bundle(campaign, bad), tensor_root(bad), {}


def _another_packing(world: World, campaign: bytes, gradient: EncryptedTensor) -> tuple[Any, bytes, dict[str, Any]]:
    bad = replace(gradient, packing=Packing(gradient.packing.slot_bits - 1, gradient.packing.slots))
    return world.bundle(campaign, bad), tensor_root(bad), {}


def _large_exponent(world: World, campaign: bytes, gradient: EncryptedTensor) -> tuple[Any, bytes, dict[str, Any]]:
    bad = replace(gradient, exponent=1500)
    return world.bundle(campaign, bad), tensor_root(bad), {}


def _large_bound(world: World, campaign: bytes, gradient: EncryptedTensor) -> tuple[Any, bytes, dict[str, Any]]:
    bad = replace(gradient, bound=gradient.bound + 1)
    return world.bundle(campaign, bad), tensor_root(bad), {}


def _garbage(world: World, campaign: bytes, gradient: EncryptedTensor) -> tuple[Any, bytes, dict[str, Any]]:
    return world.bundle(campaign, gradient), tensor_root(gradient), {"sealed": b"\x00garbage" * 100}


def _huge(world: World, campaign: bytes, gradient: EncryptedTensor) -> tuple[Any, bytes, dict[str, Any]]:
    return world.bundle(campaign, gradient), tensor_root(gradient), {"sealed": b"x" * (1 << 20)}


@pytest.mark.parametrize(
    ("flaw", "word"),
    [
        (_sealed_to_another, "not sealed to key"),
        (_garbage, "OpenPGP"),
        (_huge, "longer than"),
        (_header(chain_id=1), "chain 1,"),
        (_header(contract="0x" + "11" * 20), "contract"),
        (_header(campaign=b"\x02" * 32), "Campaign"),
        (_header(miner="0x" + "22" * 20), "Miner"),
        (_header(version=7), "version 7"),
        (_ciphertext(lambda n: 0), "out of range"),
        (_ciphertext(lambda n: n * n), "out of range"),
        (_ciphertext(lambda n: n), "factor"),
        (_ciphertext(lambda n: 5 * int(key_pair()[1].p)), "factor"),
        (_wrong_length, "bundle|blob|encoding|safetensors"),
        (_another_root, "committed"),
        (_another_shape, "shape"),
        (_another_packing, "packed"),
        (_large_exponent, "exponent 1500"),
        (_large_bound, "bound"),
    ],
)
def test_a_malformed_bundle_is_rejected_and_nothing_of_it_decrypted(
    world: World, oracle: Capsule, campaign: bytes, flaw: Flaw, word: str
) -> None:
    bundle, root, how = flaw(world, campaign, world.gradient(campaign, 11))
    world.submit(campaign, bundle, root, **how)
    assert re.search(word, rejected(world, oracle, campaign))
    assert list(read(world.home / WARRANT_FILE)) == []
    assert world.state(campaign).gradients[0].score is None
    world.submit_gradient(campaign, world.gradient(campaign, 12))
    assert kinds(oracle.step()) == ["scored"], "the queue goes on"


def test_a_copied_bundle_is_rejected_and_the_first_scored(world: World, oracle: Capsule, campaign: bytes) -> None:
    gradient = world.gradient(campaign, 11)
    bundle = world.bundle(campaign, gradient)
    address = world.submit(campaign, bundle, tensor_root(gradient))
    world.as_("second miner").submit_gradient(campaign, address, bundle.commitment(tensor_root(gradient)), 0, fee=FEE)
    assert kinds(oracle.step()) == ["scored"]
    assert "Miner" in rejected(world, oracle, campaign)
    assert not any(one.score and one.record.number == 1 for one in world.state(campaign).gradients.values())


@pytest.mark.parametrize(
    "plaintexts",
    [
        lambda tensor: [tensor.bound + 1] * 3,
        lambda tensor: [-(tensor.bound + 1)] * 3,
        lambda tensor: [1 << (tensor.packing.slot_bits * tensor.packing.slots), 0, 0],
    ],
)
def test_a_gradient_beyond_its_range_is_rejected_with_evidence(
    world: World, oracle: Capsule, campaign: bytes, plaintexts: Callable[[EncryptedTensor], list[int]]
) -> None:
    honest = world.gradient(campaign, 11)
    bad = replace(honest, ciphertexts=honest.context.raw_encrypt(plaintexts(honest)))
    world.submit_gradient(campaign, bad)
    assert "outside of the tensor's bound" in rejected(world, oracle, campaign)
    (warrant,) = [entry.warrant for entry in read(world.home / WARRANT_FILE)]
    assert warrant.root == tensor_root(bad)
    client = world.as_("capsule")
    (event,) = [
        one for one in client.events(world.start, client.newest_block() + 1) if type(one).__name__ == "GradientRejected"
    ]
    assert world.store.get(event.unsealed_bundle, limit=1 << 20) == wire.dumps_tensor(bad)
    assert event.evidence != bytes(32)


def test_a_replayed_bundle_is_scored_again_and_earns_nothing(world: World, oracle: Capsule, campaign: bytes) -> None:
    gradient = world.gradient(campaign, 11)
    for _ in range(2):
        world.submit_gradient(campaign, gradient)
    assert kinds(oracle.step()) == ["scored"]
    assert kinds(oracle.step()) == ["scored"]
    first, second = (world.state(campaign).gradients[number] for number in (0, 1))
    assert first.rise > 0
    assert second.rise >= 0
    assert world.state(campaign).accuracy == first.scored.accuracy_before + first.rise + second.rise  # type: ignore[union-attr]


# ---------------------------------------------------------------------- bundles that are not there


def test_a_missing_bundle_is_waited_for_then_unavailable_and_holds_up_nobody_else(
    world: World, oracle: Capsule, campaign: bytes
) -> None:
    other = world.create()
    oracle.step()
    gradient = world.gradient(campaign, 11)
    world.submit(campaign, world.bundle(campaign, gradient), tensor_root(gradient), publish=False)
    world.submit_gradient(other, world.gradient(other, 11))
    assert sorted(kinds(oracle.step())) == ["scored", "waiting"]
    submitted = world.state(campaign).gradients[0].record.submitted_at
    world.until(submitted + 1790)
    assert oracle.step() == []
    world.until(submitted + 1800)
    assert kinds(oracle.step()) == ["rejected"]
    assert world.state(campaign).gradients[0].rejection is Rejection.UNAVAILABLE


def test_a_bundle_that_appears_late_is_scored(world: World, oracle: Capsule, campaign: bytes) -> None:
    gradient = world.gradient(campaign, 11)
    bundle = world.bundle(campaign, gradient)
    sealed = seal_anonymous(bundle.to_bytes(), [world.identity.certificate])
    world.submit(campaign, bundle, tensor_root(gradient), sealed=sealed, publish=False)
    assert kinds(oracle.step()) == ["waiting"]
    world.store.put(sealed)
    assert kinds(oracle.step()) == ["scored"]


@pytest.mark.parametrize("emptied", [False, True])
def test_a_store_that_fails_makes_no_bundle_unavailable(
    world: World, oracle: Capsule, campaign: bytes, monkeypatch: pytest.MonkeyPatch, emptied: bool
) -> None:
    gradient = world.gradient(campaign, 11)
    world.submit_gradient(campaign, gradient)
    world.wait(2000)

    def down(address: bytes, *, limit: int) -> bytes:
        raise StoreUnavailableError(world.store.uri, "it is down")

    blobs, aside = world.folder / "blobs", world.folder / "aside"
    if emptied:
        blobs.rename(aside)
        blobs.mkdir()
    else:
        monkeypatch.setattr(world.store, "get", down)
    assert kinds(oracle.step()) == ["trouble"]
    assert world.state(campaign).scored == 0
    monkeypatch.undo()
    if emptied:
        blobs.rmdir()
        aside.rename(blobs)
    assert kinds(oracle.step()) == ["scored"]


def test_a_message_that_never_opens_is_given_up_after_three_tries(
    world: World, oracle: Capsule, campaign: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.submit_gradient(campaign, world.gradient(campaign, 11))

    def slow(*_: Any, **__: Any) -> bytes:
        raise UnsealTimeoutError(60)

    monkeypatch.setattr("ape_capsule.keys.openpgp_identity.unseal_anonymous", slow)
    assert [kinds(oracle.step()) for _ in range(3)] == [["trouble"], [], ["rejected"]]


# ---------------------------------------------------------------------- order, races, heads


def test_a_submission_in_between_is_looked_at_again(
    world: World, oracle: Capsule, campaign: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.submit_gradient(campaign, world.gradient(campaign, 11))
    real, late = SonarContracts.score_gradient, world.gradient(campaign, 12)

    def overtaken(self: SonarContracts, *arguments: Any) -> Any:
        monkeypatch.undo()
        world.submit_gradient(campaign, late, role="second miner")
        return real(self, *arguments)

    monkeypatch.setattr(SonarContracts, "score_gradient", overtaken)
    assert oracle.step() == []
    assert kinds(oracle.step()) == ["scored"]
    assert kinds(oracle.step()) == ["scored"]
    assert world.state(campaign).scored == 2


def test_gradients_of_many_campaigns_in_one_poll_are_each_scored_in_their_order(world: World, oracle: Capsule) -> None:
    campaigns = [world.create() for _ in range(3)]
    assert [kinds(oracle.step()) for _ in range(3)] == [["opened"]] * 3
    for campaign in campaigns:
        for seed in (11, 12):
            world.submit_gradient(campaign, world.gradient(campaign, seed))
    assert kinds(oracle.step()) == ["scored"] * 3
    assert kinds(oracle.step()) == ["scored"] * 3
    assert oracle.step() == []
    assert [world.state(campaign).scored for campaign in campaigns] == [2, 2, 2]


def test_gradients_do_not_wait_until_all_campaigns_are_open(world: World, oracle: Capsule, campaign: bytes) -> None:
    """A hundred Campaigns created at once held up every Gradient for minutes."""
    world.submit_gradient(campaign, world.gradient(campaign, 11))
    world.create(spec=world.store.address_of(spec(description="not published").to_bytes()))
    others = [world.create() for _ in range(2)]
    assert sorted(kinds(oracle.step())) == ["opened", "scored", "waiting"]
    world.submit_gradient(campaign, world.gradient(campaign, 12))
    assert sorted(kinds(oracle.step())) == ["opened", "scored"]
    assert oracle.step() == []
    assert [world.state(other).recorded for other in others] == [Status.OPEN] * 2


def test_a_gradient_of_an_older_version_is_applied_to_the_head(world: World, oracle: Capsule, campaign: bytes) -> None:
    old = world.gradient(campaign, 12, version=0)
    world.submit_gradient(campaign, world.gradient(campaign, 11))
    oracle.step()
    world.submit_gradient(campaign, old, version=0)
    assert kinds(oracle.step()) == ["scored"]
    state = world.state(campaign)
    verdict = state.gradients[1].score
    assert verdict is not None
    start = decrypted(world, campaign, world.head(campaign, 1))
    delta = decrypted(world, campaign, old)
    tried = [plain_accuracy(apply_delta(start, delta, step, model().fixed_point)) for step in (1, 2, 3, 4)]
    assert verdict.accuracy == max(tried)


@pytest.fixture
def rebased(world: World, oracle: Capsule, campaign: bytes, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The Campaign once its head was full and has room again, while another Gradient waits."""
    late = world.gradient(campaign, 12)
    world.submit_gradient(campaign, world.gradient(campaign, 11))
    oracle.step()
    world.submit_gradient(campaign, late)
    start_exponent = world.head(campaign).exponent
    monkeypatch.setattr(
        "ape_capsule.moves.rebase.needs_rebase", lambda model, exponent, packing: exponent >= start_exponent
    )
    assert kinds(oracle.step()) == ["rebased"]
    return campaign


def test_a_full_head_is_rebased_before_the_next_gradient_is_scored(
    world: World, oracle: Capsule, rebased: bytes
) -> None:
    campaign, state = rebased, world.state(rebased)
    assert [one.version for one in state.models] == [0, 1, 2]
    before, after = (decrypted(world, campaign, world.head(campaign, version)) for version in (1, 2))
    assert after.exponent < before.exponent
    assert plain_accuracy(after) == plain_accuracy(before) == state.accuracy
    assert kinds(oracle.step()) == ["scored"]
    assert world.state(campaign).gradients[1].score is not None


def test_a_rebase_that_the_nodes_logs_left_out_is_not_made_again(
    world: World, oracle: Capsule, rebased: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The contract takes any number of rebases: one that was missing in a look was made a second time."""
    real = SonarContracts.events

    def without_rebases(chain: SonarContracts, start: int, stop: int) -> list[Any]:
        return [event for event in real(chain, start, stop) if not isinstance(event, ModelRebased)]

    with monkeypatch.context() as patch:
        patch.setattr(SonarContracts, "events", without_rebases)
        (trouble,) = oracle.step()
    assert trouble.kind == "trouble"
    assert "logs end at version 1 of the Model" in trouble.words
    assert "the contract has version 2" in trouble.words
    assert [one.version for one in world.state(rebased).models] == [0, 1, 2]
    world.chain.mine()
    assert kinds(oracle.step()) == ["scored"]


def test_a_head_that_cannot_be_rebased_is_scored_on_all_the_same(
    world: World, oracle: Capsule, campaign: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.submit_gradient(campaign, world.gradient(campaign, 11))
    monkeypatch.setattr("ape_capsule.moves.rebase.needs_rebase", lambda model, exponent, packing: True)
    monkeypatch.setattr(score, "needs_rebase", lambda model, exponent, packing: True)
    assert kinds(oracle.step()) == ["scored"]


def test_a_child_campaign_starts_from_its_parents_last_weights(world: World, oracle: Capsule, campaign: bytes) -> None:
    world.submit_gradient(campaign, world.gradient(campaign, 11))
    oracle.step()
    world.until_end(campaign)
    assert kinds(oracle.step()) == ["delivered"]
    parent = world.state(campaign)
    child = world.create(
        spec_bytes=spec(initial={"kind": "parent"}).to_bytes(),
        parent=campaign,
        starting_accuracy=parent.accuracy,
        target_accuracy=WAD,
    )
    assert "opened" in kinds(oracle.step())
    last = decrypted(world, campaign, world.head(campaign))
    first = decrypted(world, child, world.head(child))
    assert (first.values == last.requantise(16).values).all()
    assert world.state(child).accuracy == plain_accuracy(first)


def test_a_child_whose_parents_weights_are_gone_is_declined(world: World, oracle: Capsule, campaign: bytes) -> None:
    world.until_end(campaign)
    oracle.step()
    child = world.create(spec_bytes=spec(initial={"kind": "parent"}).to_bytes(), parent=campaign)
    oracle.close()
    destroy_key(world.home / KEYS_FOLDER, campaign)
    SealedFiles(world.home / "heads", world.identity).remove(campaign)
    again = world.oracle()
    assert "declined" in kinds(again.step())
    assert "not kept" in world.state(child).reason
    again.close()


def test_lost_weights_are_decrypted_anew_under_a_warrant(world: World, oracle: Capsule, campaign: bytes) -> None:
    for file in (world.home / "heads").rglob("*.sealed"):
        file.unlink()
    oracle.close()
    world.submit_gradient(campaign, world.gradient(campaign, 11))
    again = world.oracle()
    assert kinds(again.step()) == ["scored"]
    assert [entry.warrant.kind for entry in read(world.home / WARRANT_FILE)] == [Kind.MODEL, Kind.GRADIENT]
    again.close()


def test_weights_that_were_changed_are_not_delivered(world: World, oracle: Capsule, campaign: bytes) -> None:
    oracle.close()
    root, heads = world.state(campaign).model.root, PlaintextWeights(SealedFiles(world.home / "heads", world.identity))
    weights = heads.take(campaign, root)
    heads.keep(campaign, root, replace(weights, values=weights.values + 1))
    oracle = world.oracle()
    world.until_end(campaign)
    (action,) = oracle.step()
    assert action.kind == "trouble"
    assert "does not decrypt to the weights" in action.words
    assert world.state(campaign).recorded is Status.OPEN
    oracle.close()


def test_what_scoring_needs_is_pinned_before_the_bond_is_posted(
    world: World, oracle: Capsule, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned: list[bytes] = []
    monkeypatch.setattr(EmbeddedStore, "pin", lambda self, address, *, limit: pinned.append(address))
    campaign = world.create()

    def refuse(*_: Any, **__: Any) -> None:
        terms = world.state(campaign).terms
        assert pinned == [terms.spec, terms.validation]
        raise StoreUnavailableError("here", "no further than the transaction")

    monkeypatch.setattr(SonarContracts, "open", refuse)
    assert kinds(oracle.step()) == ["trouble"]
    assert world.state(campaign).recorded is Status.REQUESTED


# ---------------------------------------------------------------------- confirmations and reorganisations


def test_it_scores_what_is_confirmed_alone_and_tells_the_chain_of_what_is_next(world: World) -> None:
    oracle = world.oracle(confirmations=2)
    campaign = world.create()
    assert oracle.step() == []
    world.chain.mine(2)
    assert kinds(oracle.step()) == ["opened"]
    world.submit_gradient(campaign, world.gradient(campaign, 11))
    assert oracle.step() == []
    world.chain.mine(1)
    world.submit_gradient(campaign, world.gradient(campaign, 12))
    assert kinds(oracle.step()) == ["scored"], "with the core of the next one, which is not confirmed"
    assert oracle.step() == []
    world.chain.mine(2)
    assert kinds(oracle.step()) == ["scored"]
    oracle.close()


def test_a_full_head_waits_for_its_confirmations_and_nothing_is_scored_on_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ape_capsule.moves.rebase.needs_rebase", lambda model, exponent, packing: exponent > 20)
    oracle = world.oracle(confirmations=2)
    campaign = world.create()
    world.chain.mine(2)
    assert kinds(oracle.step()) == ["opened"]
    for seed in (11, 12):
        world.submit_gradient(campaign, world.gradient(campaign, seed))
    world.chain.mine(2)
    assert kinds(oracle.step()) == ["scored"]
    assert oracle.step() == []
    world.chain.mine(2)
    assert kinds(oracle.step()) == ["rebased"]
    assert kinds(oracle.step()) == ["scored"]
    oracle.close()


def test_a_reorganisation_that_puts_another_gradient_first_is_scored_anew(world: World) -> None:
    oracle = world.oracle()
    campaign = world.create()
    oracle.step()
    one, other = world.gradient(campaign, 11), world.gradient(campaign, 12)
    before = world.chain.snapshot()
    world.submit_gradient(campaign, one)
    assert kinds(oracle.step()) == ["scored"]
    world.chain.restore(before)
    world.submit_gradient(campaign, other, role="second miner")
    world.submit_gradient(campaign, one)
    world.chain.mine(3)
    assert kinds(oracle.step()) == ["scored"]
    assert kinds(oracle.step()) == ["scored"]
    state: CampaignState = world.state(campaign)
    assert state.gradients[0].record.miner == str(world.accounts["second miner"].address)
    assert [entry.warrant.kind for entry in read(world.home / WARRANT_FILE)] == [
        Kind.GRADIENT,
        Kind.REWOUND,
        Kind.GRADIENT,
        Kind.GRADIENT,
    ]
    oracle.close()


def test_a_score_is_timed_once(world: World) -> None:
    class Watch(Observer):
        def timed(self, work: str, seconds: float) -> None:
            assert seconds > 0
            times.append(work)

    times: list[str] = []
    oracle = world.oracle(observer=Watch())
    campaign = world.create()
    oracle.step()
    assert oracle.step() == []
    assert times == []
    world.submit_gradient(campaign, world.gradient(campaign, 11))
    assert kinds(oracle.step()) == ["scored"]
    assert times == ["score"]
    oracle.close()


def test_a_defect_in_one_campaign_costs_no_other(
    world: World, oracle: Capsule, campaign: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = world.create()
    oracle.step()
    for one in (campaign, other):
        world.submit_gradient(one, world.gradient(one, 11))
    real, calls = score.score, []

    def defective(*arguments: Any, **how: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 1:
            raise ZeroDivisionError("a defect")
        return real(*arguments, **how)

    monkeypatch.setattr("ape_capsule.scoring.job.score", defective)
    assert sorted(kinds(oracle.step())) == ["scored", "trouble"]
    monkeypatch.undo()
    assert kinds(oracle.step()) == ["scored"]


def test_errors_of_the_package_are_of_its_tree() -> None:
    from ape_capsule import errors
    from sonar_core.base.errors import SonarError

    found = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, Exception)]
    assert all(issubclass(one, SonarError) for one in found)
    assert sum(issubclass(one, CapsuleError) for one in found) > 10


# ------------------------------------------------------------------ being watched, and ending


def test_asked_to_end_it_finishes_the_move_under_way_and_begins_no_other(
    world: World, oracle: Capsule, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaigns, stop, told = [world.create(), world.create()], Flag(), []

    def answer(*arguments: Any) -> list[Action]:
        stop.set()
        return open_or_decline.answer(*arguments)

    monkeypatch.setattr("ape_capsule.loop.answer", answer)
    oracle.run(poll_interval=0, stop=stop, report=told.append)
    assert kinds(told) == ["opened"]
    assert sorted(world.state(one).recorded for one in campaigns) == [Status.REQUESTED, Status.OPEN]
    fresh = world.oracle()
    assert kinds(fresh.step()) == ["opened"]
    fresh.close()


def test_how_it_stands(world: World, oracle: Capsule, campaign: bytes) -> None:
    world.submit_gradient(campaign, world.gradient(campaign, 11))
    world.submit_gradient(campaign, world.gradient(campaign, 12))
    before, due = oracle.vitals(), world.state(campaign).due_at()
    assert (before.behind, before.waiting, before.campaigns) == (3, 0, 1)
    oracle.step()
    after, head = oracle.vitals(), world.chain.blocks.head
    assert after == Vitals(
        head=head.number,
        block_time=head.timestamp,
        behind=1,
        balance=world.accounts["capsule"].balance,
        campaigns=1,
        waiting=2,
        due=due,
    )
    oracle.step()
    assert oracle.vitals().waiting == 1
