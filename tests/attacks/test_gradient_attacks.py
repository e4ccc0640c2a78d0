"""Attacks by what is in a Gradient, or is not there: played on a real Capsule with real keys, blobs and contracts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import gmpy2
import pytest

from ape_capsule.keys import paillier_keystore
from ape_capsule.loop import Capsule
from sonar_core.chain import contract_errors as errors
from sonar_core.crypto.sealed_messages import seal_anonymous
from sonar_core.protocol.commitments import tensor_root
from sonar_core.protocol.gradient_bundle import Bundle
from sonar_core.protocol.structs import Rejection, Status
from sonar_core.protocol.units import WAD
from sonar_core.store import BlobStore, open_store
from syft import wire
from syft.paillier import EncryptedTensor
from tests.attacks.measure import Amount
from tests.world.capsule import FEE, World, key_pair, kinds, rows
from tests.world.contracts import Unlocked

attack = pytest.mark.attack


@pytest.fixture
def world(sonar, chain, scientist, capsule, miner, attacker, tmp_path, monkeypatch) -> World:
    monkeypatch.setattr(paillier_keystore, "generate_paillier_keypair", lambda bits: key_pair())
    parties = {"scientist": scientist, "capsule": capsule, "miner": miner, "attacker": attacker}
    roles = {role: Unlocked(account, chain.provider.web3) for role, account in parties.items()}
    return World(sonar, chain, roles, tmp_path)


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


def _honest_end(world: World, oracle: Capsule, campaign: bytes, number: int) -> Amount:
    """The honest Miner's Gradient, of that number, scored, delivered and paid; what it was worth."""
    assert kinds(oracle.step()) == ["scored"], "the queue goes on"
    world.until_end(campaign)
    assert kinds(oracle.step()) == ["delivered"]
    state = world.state(campaign)
    reward = state.reward(state.gradients[number])
    assert reward > 0
    client = world.as_("miner")
    client.claim(campaign, [state.gradients[number].scored], client.sender)
    return Amount(reward - FEE)


def _cannot_claim(world: World, campaign: bytes, *numbers: int) -> None:
    client, gradients = world.as_("attacker"), world.state(campaign).gradients
    for number in numbers:
        with pytest.raises(errors.NothingEarnedError):
            client.claim(campaign, [gradients[number].scored], client.sender)


# ---------------------------------------------------------------------- other people's Gradients


@attack("front-running a Gradient")
def test_front_running_a_gradient(world, oracle, campaign, attacker, miner, play) -> None:
    """Address and commitment copied out of the pool and sent first: inside, the bundle names its Miner."""
    gradient = world.gradient(campaign, 11)
    bundle, root = world.bundle(campaign, gradient), tensor_root(gradient)
    sealed = seal_anonymous(bundle.to_bytes(), [world.identity.certificate])
    with play("Miner", [attacker], victims=[miner], outcome="rejected: names another Miner") as played:
        address = world.store.address_of(sealed)
        world.as_("attacker").submit_gradient(campaign, address, bundle.commitment(root), 0, fee=FEE)
        world.submit(campaign, bundle, root, sealed=sealed)
        (action,) = oracle.step()
        assert (action.kind, "Miner" in action.words) == ("rejected", True)
        played.owed = _honest_end(world, oracle, campaign, 1)
        _cannot_claim(world, campaign, 0)
    assert played.profit.coin == -FEE


@attack("copying a Gradient's address")
def test_copying_a_gradients_address(world, oracle, campaign, attacker, miner, play) -> None:
    """The sealed bundle as it is; and, once it is scored and opened, its ciphertexts re-randomised in one's own."""
    gradient = world.gradient(campaign, 11)
    bundle = world.bundle(campaign, gradient)
    outcome = "rejected: names another Miner; opened: no rise is left"
    with play("Miner", [attacker], victims=[miner], outcome=outcome) as played:
        address = world.submit(campaign, bundle, tensor_root(gradient))
        copied = world.state(campaign).gradients[0].record.commitment
        world.as_("attacker").submit_gradient(campaign, address, copied, 0, fee=FEE)
        assert kinds(oracle.step()) == ["scored"]
        (action,) = oracle.step()
        assert (action.kind, "Miner" in action.words) == ("rejected", True)
        opened = world.store.get(world.state(campaign).gradients[0].score.unsealed_bundle, limit=1 << 20)
        again = wire.loads_tensor(opened, world.context(campaign)).rerandomise()
        world.submit_gradient(campaign, again, role="attacker")
        assert kinds(oracle.step()) == ["scored"]
        world.until_end(campaign)
        assert kinds(oracle.step()) == ["delivered"]
        state = world.state(campaign)
        played.owed = Amount(state.reward(state.gradients[0]) - FEE)
        _cannot_claim(world, campaign, 1, 2)
    assert played.profit.coin == -2 * FEE


# ---------------------------------------------------------------------- garbage


@dataclass(frozen=True)
class Garbage:
    """A bundle, the root it commits to, and bytes to publish instead of the sealed bundle."""

    bundle: Bundle
    root: bytes
    sealed: bytes | None = None


Maker = Callable[[World, bytes, EncryptedTensor], Garbage]


def _header(**changes: Any) -> Maker:
    """A good Gradient in a bundle that says it is for somewhere else."""

    def make(world: World, campaign: bytes, gradient: EncryptedTensor) -> Garbage:
        return Garbage(replace(world.bundle(campaign, gradient, role="attacker"), **changes), tensor_root(gradient))

    return make


def _ciphertext(number: Callable[[int], int]) -> Maker:
    """The first ciphertext replaced by a number made of the modulus."""

    def make(world: World, campaign: bytes, gradient: EncryptedTensor) -> Garbage:
        first = gmpy2.mpz(number(int(gradient.context.n)))
        bad = replace(gradient, ciphertexts=[first, *gradient.ciphertexts[1:]])
        return Garbage(world.bundle(campaign, bad, role="attacker"), tensor_root(bad))

    return make


def _too_short(world: World, campaign: bytes, gradient: EncryptedTensor) -> Garbage:
    bundle = world.bundle(campaign, gradient, role="attacker")
    return Garbage(replace(bundle, gradient=bundle.gradient[:-1]), tensor_root(gradient))


def _huge(world: World, campaign: bytes, gradient: EncryptedTensor) -> Garbage:
    return Garbage(world.bundle(campaign, gradient, role="attacker"), tensor_root(gradient), b"x" * (1 << 20))


@pytest.mark.parametrize(
    ("make", "word"),
    [
        pytest.param(_ciphertext(lambda n: 0), "out of range", marks=attack("garbage ciphertexts: 0")),
        pytest.param(_ciphertext(lambda n: n), "factor", marks=attack("garbage ciphertexts: n")),
        pytest.param(
            _ciphertext(lambda n: 5 * int(key_pair()[1].p)),
            "factor",
            marks=attack("garbage ciphertexts: a multiple of p"),
        ),
        pytest.param(_too_short, "safetensors", marks=attack("garbage ciphertexts: wrong length")),
        pytest.param(_header(campaign=b"\x02" * 32), "Campaign", marks=attack("a Gradient for another Campaign")),
        pytest.param(_header(chain_id=1), "chain 1,", marks=attack("a Gradient for another chain")),
        pytest.param(_header(contract="0x" + "11" * 20), "contract", marks=attack("a Gradient for another contract")),
        pytest.param(_huge, "longer than", marks=attack("a huge IPFS object")),
    ],
)
def test_a_malformed_gradient_costs_its_fee(world, oracle, campaign, attacker, miner, play, make, word) -> None:
    with play("Miner", [attacker], victims=[miner], outcome="rejected as malformed") as played:
        bad = make(world, campaign, world.gradient(campaign, 11))
        world.submit(campaign, bad.bundle, bad.root, role="attacker", sealed=bad.sealed)
        world.submit_gradient(campaign, world.gradient(campaign, 12))
        (action,) = oracle.step()
        assert (action.kind, word in action.words) == ("rejected", True), action
        played.owed = _honest_end(world, oracle, campaign, 1)
        _cannot_claim(world, campaign, 0)
    assert played.profit.coin == -FEE


@attack("spam of garbage Gradients")
def test_spam_of_garbage_gradients(world, oracle, campaign, attacker, miner, capsule, play) -> None:
    """Each pays for its own rejection, and the honest Gradient behind them is scored in time."""
    with play("Miner", [attacker], victims=[miner], outcome="every one paid its fee") as played:
        for number in range(5):
            bundle = world.bundle(campaign, world.gradient(campaign, 11), role="attacker")
            world.submit(campaign, bundle, b"\x01" * 32, role="attacker", sealed=b"garbage %d" % number)
        world.submit_gradient(campaign, world.gradient(campaign, 12))
        for _ in range(5):
            assert kinds(oracle.step()) == ["rejected"]
        played.owed = _honest_end(world, oracle, campaign, 5)
        _cannot_claim(world, campaign, *range(5))
    assert played.profit.coin == -5 * FEE


@attack("a Gradient whose blob never appears")
def test_a_gradient_whose_blob_never_appears(world, oracle, campaign, attacker, miner, play) -> None:
    """It holds the queue up for the unavailability window, which is shorter than the Capsule's own."""
    with play("Miner", [attacker], victims=[miner], outcome="rejected as unavailable") as played:
        gradient = world.gradient(campaign, 11)
        bundle = world.bundle(campaign, gradient, role="attacker")
        world.submit(campaign, bundle, tensor_root(gradient), role="attacker", publish=False)
        world.submit_gradient(campaign, world.gradient(campaign, 12))
        assert kinds(oracle.step()) == ["waiting"]
        state = world.state(campaign)
        world.until(state.gradients[0].record.submitted_at + state.terms.unavailability_window)
        assert kinds(oracle.step()) == ["rejected"]
        assert world.state(campaign).gradients[0].rejection is Rejection.UNAVAILABLE
        played.owed = _honest_end(world, oracle, campaign, 1)
        _cannot_claim(world, campaign, 0)
    assert played.profit.coin == -FEE


# ---------------------------------------------------------------------- an object without end


class _Loop(BaseHTTPRequestHandler):
    """An IPFS node whose object links to itself again and again: its content never ends."""

    def do_POST(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"again" * 1000)
        except OSError:
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def _looping_node() -> Iterator[BlobStore]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Loop)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield open_store(f"http://127.0.0.1:{server.server_port}", timeout=20)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@attack("a looping IPFS object")
def test_a_looping_ipfs_object(world, oracle, campaign, attacker, miner, play, monkeypatch) -> None:
    """Read from a real node by the IPFS store, for no longer than a bundle can be long."""
    honest = world.store.get
    with (
        play("Miner", [attacker], victims=[miner], outcome="cut off, rejected as malformed") as played,
        _looping_node() as node,
    ):
        gradient = world.gradient(campaign, 11)
        bundle = world.bundle(campaign, gradient, role="attacker")
        endless = world.submit(campaign, bundle, tensor_root(gradient), role="attacker", publish=False)
        monkeypatch.setattr(
            type(world.store),
            "get",
            lambda self, address, *, limit: (node.get if address == endless else honest)(address, limit=limit),
        )
        world.submit_gradient(campaign, world.gradient(campaign, 12))
        (action,) = oracle.step()
        assert (action.kind, "longer than" in action.words) == ("rejected", True), action
        played.owed = _honest_end(world, oracle, campaign, 1)
        _cannot_claim(world, campaign, 0)
    assert played.profit.coin == -FEE


# ---------------------------------------------------------------------- the Data Scientist's claim


@attack("a Data Scientist who claims a false starting accuracy")
def test_a_data_scientist_who_claims_a_false_starting_accuracy(world, oracle, scientist, capsule, miner, play) -> None:
    """What the Capsule measures counts: far from the claim it declines, and near it, it opens with what it measured."""
    count, right = len(rows(1)[0]), int((rows(1)[1] == 0).sum())
    victims = [capsule, miner]
    with play("Data Scientist", [scientist], victims=victims, outcome="declined; what is measured counts") as played:
        false = world.create(starting_accuracy=(right + 2) * WAD // count)
        assert kinds(oracle.step()) == ["declined"]
        assert world.state(false).recorded is Status.DECLINED
        world.as_("scientist").refund(false, str(scientist.address))
        near = world.create(starting_accuracy=(right + 1) * WAD // count)
        assert kinds(oracle.step()) == ["opened"]
        assert world.state(near).accuracy == right * WAD // count
        world.until_end(near)
        assert kinds(oracle.step()) == ["delivered"]
        played.honest, played.owed = Amount(-50), Amount(50)
