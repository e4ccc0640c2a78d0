"""The chain client against the contracts themselves, on whichever node `ape test` runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from eth_abi import encode
from eth_utils import to_checksum_address

from sonar_core.base.database import Database
from sonar_core.chain.abi import abi
from sonar_core.chain.contract_errors import ContractError, PanicError, RefusedError, WrongValueError
from sonar_core.chain.contracts import ChainError, FundsError, NonceError, SonarContracts
from sonar_core.chain.event_follower import FOLLOWER_TABLES, EventFollower
from sonar_core.protocol import events as ev
from sonar_core.protocol.ledger import Ledger
from sonar_core.protocol.structs import Rejection, ScoredRecord, campaign_id
from tests.world.contracts import SCORING_FEE, Stage, blob, percent

pytestmark = pytest.mark.chain

ERROR_STRING, PANIC, LOOKUP = (bytes.fromhex(selector) for selector in ("08c379a0", "4e487b71", "556f1830"))


def deploy(account: Any, runtime: bytes) -> str:
    """A contract of that bytecode."""
    size = len(runtime)
    init = bytes([0x60, size, 0x60, 12, 0x60, 0, 0x39, 0x60, size, 0x60, 0, 0xF3])
    provider = account.provider
    transaction = provider.network.ecosystem.create_transaction(
        sender=account.address, data=init + runtime, chain_id=provider.chain_id
    )
    return to_checksum_address(account.call(transaction).contract_address)


def reverting_with(data: bytes) -> bytes:
    """Bytecode that reverts with `data`, whatever it is asked."""
    size = len(data)
    return bytes([0x60, size, 0x60, 12, 0x60, 0, 0x39, 0x60, size, 0x60, 0, 0xFD]) + data


def client_of(stage: Stage, account: Any) -> SonarContracts:
    """The client that signs by Ape, as every party's does; the stage's own accounts take a shorter way."""
    return SonarContracts(stage.sonar.address, account)


# ---------------------------------------------------------------------- ABIs and digests


@pytest.mark.parametrize("contract", ["Sonar", "CapsuleRegistry"])
def test_the_abi_in_the_package_is_the_compiled_contracts(project: Any, contract: str) -> None:
    compiled = [
        item.model_dump(mode="json", by_alias=True) for item in project.get_contract(contract).contract_type.abi
    ]
    for kind in ("function", "event", "error"):
        ours = {entry["name"]: entry for entry in abi(contract).entries(kind)}
        theirs = {entry["name"]: entry for entry in compiled if entry["type"] == kind}
        assert set(ours) == set(theirs)
        for name in ours:
            assert _types(ours[name]) == _types(theirs[name]), name


@pytest.mark.parametrize("contract", ["Sonar", "CapsuleRegistry"])
def test_the_creation_code_in_the_package_is_the_compiled_contracts(project: Any, contract: str) -> None:
    packaged = resources.files("sonar_core.chain.bytecode").joinpath(f"{contract}.hex").read_text().strip()
    assert packaged == project.get_contract(contract).contract_type.deployment_bytecode.bytecode, (
        "run scripts/_toolchain/contracts.py"
    )


def _types(entry: Any) -> Any:
    """Names and types, through structs; what may be left out of an ABI is left out."""
    return (
        entry.get("name"),
        entry["type"],
        entry.get("stateMutability"),
        bool(entry.get("indexed")),
        [[_types(part) for part in entry.get(key) or []] for key in ("inputs", "outputs", "components")],
    )


def test_ids_and_digests_are_the_contracts(stage: Stage, second_miner: Any) -> None:
    client = stage.as_(stage.scientist)
    terms = stage.terms(arbiter=str(second_miner.address), duration=2**32 - 1, bounty=2**128 - 1, scheme=2**16 - 1)
    for nonce in (0, 2**256 - 1):
        ours = campaign_id(client.chain_id, client.address, client.sender, nonce, terms)
        assert client.id_of(client.sender, nonce, terms) == ours

    campaign = stage.opened()
    for account in (stage.miner, second_miner, stage.miner):
        stage.submit(campaign, account)
    gradients = stage.state(campaign).gradients
    for number, gradient in gradients.items():
        assert client.digest_of(campaign, number) == gradient.record.digest()
    stage.score(campaign, percent(10))
    stage.score(campaign, percent(10))
    stage.reject(campaign)
    for number, gradient in stage.state(campaign).gradients.items():
        assert gradient.scored is not None
        assert client.digest_of(campaign, number) == gradient.scored.digest(gradient.record.miner)
    assert client.digest_of(campaign, 3) == bytes(32)


# ---------------------------------------------------------------------- events


def test_receipts_and_logs_tell_the_same_events(stage: Stage) -> None:
    campaign = stage.opened()
    receipt = client_of(stage, stage.miner).submit_gradient(campaign, blob("b"), blob("c"), 0, fee=SCORING_FEE)
    (event,) = receipt.events
    assert isinstance(event, ev.GradientSubmitted)
    record = stage.state(campaign).gradients[0].record
    assert (event.number, event.miner, event.bundle) == (record.number, record.miner, record.bundle)
    assert (event.commitment, event.version, event.due) == (record.commitment, record.version, record.due)
    assert (event.position.block, event.position.transaction) == (receipt.block, receipt.transaction)
    assert event.position.timestamp == receipt.timestamp == event.submitted_at
    assert event.position.block_hash == stage.as_(None).block_hash(receipt.block)
    assert stage.as_(None).events(receipt.block, receipt.block + 1) == [event]
    assert stage.as_(None).events(receipt.block + 1, receipt.block + 1) == []


def test_events_of_both_contracts_come_in_order_however_they_are_asked_for(stage: Stage) -> None:
    campaign = stage.opened(percent(79))
    stage.announce()
    stage.submit(campaign)
    stage.score(campaign, percent(80))
    client = stage.as_(None)
    whole = client.events(stage.start, client.newest_block() + 1)
    assert [type(event) for event in whole] == [
        ev.CapsuleAnnounced,
        ev.CampaignCreated,
        ev.CampaignOpened,
        ev.CapsuleAnnounced,
        ev.GradientSubmitted,
        ev.GradientScored,
        ev.TargetReached,
    ]
    by_block = [
        event for block in range(stage.start, client.newest_block() + 1) for event in client.events(block, block + 1)
    ]
    assert by_block == whole


# ---------------------------------------------------------------------- refusals


def test_a_refusal_is_typed_before_anything_is_sent(stage: Stage) -> None:
    campaign = stage.opened()
    client = client_of(stage, stage.miner)
    before = client.transaction_counts()
    with pytest.raises(WrongValueError) as caught:
        client.submit_gradient(campaign, blob("b"), blob("c"), 0, fee=SCORING_FEE + 1)
    assert (caught.value.sent, caught.value.expected) == (SCORING_FEE + 1, SCORING_FEE)
    assert client.transaction_counts() == before


@pytest.mark.parametrize("signer", [client_of, Stage.as_], ids=["Ape", "a failed receipt"])
def test_a_refusal_between_simulation_and_block_is_typed_too(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, signer: Callable[[Stage, Any], SonarContracts]
) -> None:
    """The first simulation is left out, as if the chain had changed just after it."""
    campaign = stage.opened()
    client = signer(stage, stage.miner)
    asked: list[Any] = []
    simulate = client._eth_call

    def blind_once(call: dict[str, Any]) -> bytes:
        asked.append(call)
        return b"" if len(asked) == 1 else simulate(call)

    monkeypatch.setattr(client, "_eth_call", blind_once)
    with pytest.raises(WrongValueError):
        client.submit_gradient(campaign, blob("b"), blob("c"), 0, fee=SCORING_FEE + 1)
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (ERROR_STRING + encode(["string"], ["no money"]), RefusedError),
        (ERROR_STRING + b"\xff" * 64, ContractError),
        (ERROR_STRING + encode(["bytes"], [b"\xff\xfe"]), ContractError),
        (PANIC + (0x11).to_bytes(32, "big"), PanicError),
        (PANIC + (0x99).to_bytes(32, "big"), ContractError),
        (LOOKUP + bytes(64), ContractError),
        (
            LOOKUP
            + encode(
                ["address", "string[]", "bytes", "bytes4", "bytes"],
                ["0x" + "11" * 20, ["http://127.0.0.1:1/{data}"], b"", b"1234", b""],
            )[:200],
            ContractError,
        ),
        (b"\xde\xad\xbe\xef" + bytes(32), ContractError),
        (b"\1\2", ContractError),
        (b"", ContractError),
    ],
    ids=lambda value: value.hex()[:12] if isinstance(value, bytes) else value.__name__,
)
def test_whatever_a_token_reverts_with_is_the_tokens_fault(
    stage: Stage, attacker: Any, data: bytes, kind: type[Exception]
) -> None:
    token = deploy(attacker, reverting_with(data))
    with pytest.raises(ContractError) as caught:
        stage.as_(stage.miner).token_decimals(token)
    assert isinstance(caught.value, kind)
    assert not isinstance(caught.value, ChainError)


@pytest.mark.parametrize(
    "runtime", [bytes([0x5B, 0x60, 0, 0x56]), bytes([0xFE]), bytes([0x56])], ids=["loop", "invalid", "jump"]
)
def test_a_token_whose_code_fails_is_no_dead_node(stage: Stage, attacker: Any, runtime: bytes) -> None:
    token = deploy(attacker, runtime)
    with pytest.raises(ContractError):
        stage.as_(stage.miner).token_balance(token, attacker.address)


def test_another_contract_in_sonars_place_is_told(stage: Stage, token: Any) -> None:
    with pytest.raises(ContractError):
        SonarContracts(token.address)
    with pytest.raises(ChainError, match="check the network"):
        SonarContracts("0x" + "12" * 20)


# ---------------------------------------------------------------------- funds and nonces


def test_an_account_without_funds_is_told(stage: Stage, stranger: Any) -> None:
    campaign = stage.create(capsule_bond=10**24)
    with pytest.raises(FundsError, match="fund it"):
        stage.open(campaign)


def test_a_nonce_that_is_spent_is_told_and_sends_nothing(stage: Stage) -> None:
    campaign = stage.opened()
    client = client_of(stage, stage.miner)
    nonce = client.transaction_counts()[0]
    client.submit_gradient(campaign, blob("b"), blob("c"), 0, fee=SCORING_FEE, nonce=nonce)
    with pytest.raises(NonceError, match="look at the chain, then repeat"):
        client.submit_gradient(campaign, blob("b"), blob("c"), 0, fee=SCORING_FEE, nonce=nonce)
    assert stage.state(campaign).submitted == 1
    assert client.transactions_until(client.newest_block()) == client.transaction_counts()[0] == nonce + 1


# ---------------------------------------------------------------------- following


def test_a_follower_undoes_what_a_chain_took_back(stage: Stage, tmp_path: Path, chain: Any) -> None:
    client = stage.as_(None)
    journal = Database(tmp_path / "state.sqlite", [FOLLOWER_TABLES])
    delivered: list[ev.Event] = []

    def follow() -> None:
        follower = EventFollower(client, journal, confirmations=0, start_block=stage.start)
        while True:
            with follower.next_batch() as batch:
                if batch is None:
                    return
                if batch.rewound_to is not None:
                    delivered[:] = [event for event in delivered if event.position.block < batch.rewound_to]
                delivered.extend(batch.events)

    campaign = stage.opened()
    follow()
    snapshot = chain.snapshot()
    stage.submit(campaign, bundle="taken back")
    stage.score(campaign, percent(10))
    follow()
    assert delivered == client.events(stage.start, client.newest_block() + 1)

    chain.restore(snapshot)
    stage.wait(7)
    stage.submit(campaign, bundle="what stands")
    stage.reject(campaign, Rejection.MALFORMED)
    stage.create()
    follow()

    assert delivered == client.events(stage.start, client.newest_block() + 1)
    state = Ledger().apply_all(delivered).campaign(campaign)
    assert state.accuracy == 0
    assert state.gradients[0].record.bundle == blob("what stands")


def test_a_forged_preimage_is_not_ours_by_accident(stage: Stage) -> None:
    """The digests of the ledger are what claims need: one bit elsewhere and the contract refuses."""
    campaign = stage.opened()
    stage.submit(campaign)
    scored = stage.score(campaign, percent(10))
    stage.delivered(campaign)
    client = client_of(stage, stage.miner)
    forged: list[ScoredRecord] = [
        replace(scored, accuracy_before=1),
        replace(scored, accuracy_after=percent(20)),
        replace(scored, details=blob("other")),
    ]
    for gradient in forged:
        with pytest.raises(ContractError, match="not what the chain keeps"):
            client.claim(campaign, [gradient], client.sender)
    (event,) = client.claim(campaign, [scored], client.sender).events
    assert isinstance(event, ev.Claimed)
    assert event.reward == 125
