from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import ape_sonar
from ape_capsule.keys.openpgp_identity import Identity
from ape_sonar import (
    Campaign,
    CampaignOptions,
    CampaignUnknownError,
    CapsuleUnknownError,
    DeliveryFalseError,
    DraftError,
    FundsMissingError,
    NotDeliveredError,
    OfferError,
    Sonar,
)
from sonar_core.base.errors import FormatError, SchemaError, UsageError
from sonar_core.chain.contract_errors import ContractError, NotRequestedError, NotScientistError
from sonar_core.chain.contracts import SonarContracts
from sonar_core.chain.deploy.records import Deployment, record_deployment
from sonar_core.chain.errors import FundsError, NoAccountError
from sonar_core.crypto.sealed_messages import NoValidSignatureError, WrongKeyError
from sonar_core.crypto.vault import WrongPassphraseError
from sonar_core.data.row_errors import RowError
from sonar_core.protocol.structs import Status
from sonar_core.protocol.units import COIN, Money
from sonar_core.store.artifacts import RootMismatchError, read_spec
from syft import LinearClassifier, LinearRegression, RandomFeatureClassifier
from syft.nn import MultiLabelClassifier
from syft.paillier import Openings
from tests.world.data_scientist import (
    AGES,
    CHEAP,
    FEE,
    INPUT,
    OUTPUT,
    PASSPHRASE,
    VALIDATION,
    Lies,
    World,
    fresh_inputs,
)

WAD = 10**18
ILL = {"name": "ill", "type": "boolean"}
DAYS = {"name": "days", "type": "number", "constraints": {"minimum": 0, "maximum": 30}}


@pytest.fixture
def world(sonar: Any, chain: Any, scientist: Any, capsule: Any, token: Any, tmp_path: Path) -> World:
    return World(sonar, chain, scientist, capsule, token, tmp_path)


@pytest.fixture
def network(world: World) -> Sonar:
    return world.network()


def create(network: Sonar, model: Any = None, **changes: Any) -> Campaign:
    asked = {
        "input": INPUT,
        "output": OUTPUT,
        "validation": VALIDATION,
        "bounty": "1000 wei",
        "capsule": "the capsule",
        "lasts": "2 days",
        **changes,
    }
    chosen = {name: asked.pop(name) for name in CampaignOptions.__dataclass_fields__ if name in asked}
    options = CampaignOptions(**{"key_bits": 2048, **chosen})
    return network.create(model or LinearClassifier(), options=options, **asked)


# ------------------------------------------------------------------ creating


def test_a_campaign_is_created_in_peoples_units(world: World, network: Sonar) -> None:
    campaign = create(network, target_accuracy=0.8, description="Who falls ill", compensation="3 wei")
    terms = campaign.state.terms
    assert campaign.status is Status.REQUESTED
    assert campaign.bounty == Money(1000, COIN)
    # With weights of zero every tie goes to the class "no": 4 of 10 rows are right, and worth half of the way to 0.8.
    assert terms.starting_accuracy == 4 * WAD // 10
    assert campaign.remaining_reward == Money(500, COIN)
    assert campaign.target_accuracy == Decimal("0.8")
    assert (terms.capsule_bond, terms.compensation, terms.scoring_fee, terms.duration) == (1000, 3, FEE, 172_800)
    assert network.campaign(campaign.id.hex()[:8]).id == campaign.id
    assert campaign.gradients() == []


def test_an_erc20_is_allowed_exactly_once(world: World, network: Sonar) -> None:
    campaign = create(network, bounty=f"1000 {world.token.symbol}", capsule_fee=f"5 {world.token.symbol}")
    unit = 10**world.token.decimals
    assert str(campaign.bounty) == f"1000 {world.token.symbol}"
    chain = network.chain
    assert chain.token_balance(world.token.address, chain.address) == 1005 * unit
    assert chain.token_allowance(world.token.address, chain.sender, chain.address) == 0


@pytest.mark.parametrize("moment", ["before the transaction", "after the transaction"])
def test_a_crash_creates_nothing_twice(world: World, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    class PowerCutError(Exception):
        pass

    def cut(*_: Any) -> None:
        raise PowerCutError

    network = world.network()
    target = (network.chain, "create") if moment.startswith("before") else (network.drafts, "mark_created")
    with monkeypatch.context() as patch:
        patch.setattr(*target, cut)
        with pytest.raises(PowerCutError):
            create(network)
    spent = world.account.balance

    again = world.network()
    campaign = create(again)
    assert [one.id for one in again.campaigns()] == [campaign.id]
    if moment.startswith("after"):
        assert world.account.balance == spent
    assert create(again).id == campaign.id
    assert create(again, nonce=1).id != campaign.id
    assert len(again.campaigns()) == 2


TOO_OLD = {**VALIDATION[0], "age": [20, 200, *AGES[2:]]}


REFUSED: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"bounty": "1000 DOGE"}, UsageError, "DOGE"),
    ({"bounty": "lots"}, UsageError, "amount"),
    ({"lasts": "soon"}, UsageError, "duration"),
    ({"capsule": "nobody"}, UsageError, r"'nobody' is no address, and no name .* \(the capsule\)"),
    ({"capsule": "0x12"}, UsageError, "0x12"),
    ({"target_accuracy": 1.5}, UsageError, r"\[0, 1\]"),
    ({"target_accuracy": 0.3}, OfferError, r"starts at accuracy 0\.4000, and the target is 0\.3000: set a higher"),
    ({"input": {"fields": []}}, SchemaError, "fields"),
    ({"validation": VALIDATION[0]}, UsageError, "pair"),
    ({"validation": (VALIDATION[0], ["no"])}, UsageError, "10 Inputs and 1 Outputs"),
    (
        {"validation": ({**VALIDATION[0], "age": [20, 200, *AGES[2:]]}, VALIDATION[1])},
        RowError,
        "row 2, column 'age'",
    ),
    ({"validation": (VALIDATION[0], ["no", "perhaps", *VALIDATION[1][2:]])}, RowError, "row 2, column 'ill'"),
    ({"lasts": 15}, UsageError, "lasts: 15 has no unit: write '15 minutes'"),
    ({"bounty": 1}, UsageError, "bounty: 1 has no currency"),
    ({"scoring_window": 60}, UsageError, "scoring_window: 60 has no unit"),
    ({"target_accuracy": 85}, UsageError, "target_accuracy: 85 .*write 0.85 or '85%'"),
    ({"target_accuracy": "high%"}, UsageError, "target_accuracy: 'high%' is no percentage"),
    ({"validation": ({"age": [], "dose": []}, [])}, UsageError, "validation has no rows"),
    ({"capsule": "0x" + "12" * 20}, CapsuleUnknownError, "never announced itself"),
    ({"capsule_fee": "1 TKN"}, UsageError, "TKN"),
    ({"arbiter": "0x12"}, UsageError, "0x12"),
    ({"scoring_window": "1 minute", "unavailability_window": "2 minutes"}, OfferError, "unavailability_window"),
    ({"seed": 1, "description": "x" * 20_000}, FormatError, "description"),
]


def test_what_cannot_be_asked_leaves_nothing_behind(world: World, network: Sonar) -> None:
    for change, error, why in REFUSED:
        with pytest.raises(error, match=why):
            create(network, **change)
    assert network.campaigns() == []
    assert not list((world.folder / "scientist").glob("drafts/*"))


def test_a_model_of_another_width_is_refused(network: Sonar) -> None:
    with pytest.raises(
        UsageError, match=r"made for 3 outputs, but the output schema has 1 field, .* make 2: leave outputs"
    ):
        create(network, LinearClassifier(outputs=3))
    with pytest.raises(
        UsageError, match=r"sklearn.*LogisticRegression cannot be trained while encrypted: take one of Li"
    ):
        create(network, LogisticRegression())


def test_money_that_is_not_there(world: World, network: Sonar) -> None:
    with pytest.raises(FundsMissingError, match=r"holds .*, and .* are needed"):
        create(network, bounty=f"{10**12} {world.token.symbol}")
    with pytest.raises(FundsMissingError, match=r"holds .*, and .* are needed"):
        create(network, bounty=f"{world.account.balance + 1} wei")
    assert not list((world.folder / "scientist").glob("drafts/*"))
    with pytest.raises(FundsError, match="gas"):
        create(network, bounty=f"{world.account.balance} wei")
    assert network.campaigns() == []


def test_a_wrong_passphrase_stops_everything(world: World, network: Sonar) -> None:
    create(network)
    other = world.network("another")
    with pytest.raises(WrongPassphraseError):
        create(other, nonce=1)
    assert len(other.campaigns()) == 1


def test_a_passphrase_is_needed(world: World) -> None:
    with pytest.raises(
        UsageError, match=r"key that is made in .*identity\.vault needs a passphrase: set SONAR_PASSPHRASE"
    ):
        create(world.network(""))
    create(world.network())
    with pytest.raises(UsageError, match=r"the OpenPGP key in .*identity\.vault needs a passphrase"):
        create(world.network(""), nonce=1)


def test_without_an_account_nothing_is_created(world: World) -> None:
    looker = Sonar(SonarContracts(world.contract.address), world.store, world.folder / "scientist", PASSPHRASE)
    with pytest.raises(NoAccountError, match=r"connect\(\.\.\., account='ALIAS'\)"):
        create(looker)


def test_a_new_key_is_announced_with_what_is_lost_without_it(network: Sonar, caplog: pytest.LogCaptureFixture) -> None:
    def own() -> list[logging.LogRecord]:
        return [record for record in caplog.records if record.name.startswith("ape_sonar")]

    create(network)
    (record,) = own()
    assert str(network.identity.path) in record.getMessage()
    assert "nobody can open a delivery" in record.getMessage()
    caplog.clear()
    create(network, nonce=1)
    assert own() == []


def test_connecting_as_the_readme_does(world: World, chain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SONAR_HOME", str(world.folder))
    monkeypatch.setenv("SONAR_STORE", world.store.uri)
    monkeypatch.setenv("SONAR_PASSPHRASE", PASSPHRASE)
    here = world.network().chain
    record_deployment(world.folder, Deployment(here.chain_id, here.address, here.registry_address, world.start))
    with ape_sonar.connect(chain.provider.network_choice, account=world.account) as sonar:
        campaign = create(sonar, capsule=world.capsule.sender)
        assert campaign.state.scientist == str(world.account.address)


def test_a_connection_without_with_lasts_until_it_is_closed(
    world: World, chain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SONAR_HOME", str(world.folder))
    here = world.network().chain
    record_deployment(world.folder, Deployment(here.chain_id, here.address, here.registry_address, world.start))
    sonar = ape_sonar.connect(chain.provider.network_choice)
    assert sonar.campaigns() == []
    sonar.close()
    sonar.close()
    assert sonar._opened.pop_all()._exit_callbacks == type(sonar._opened._exit_callbacks)()


# ------------------------------------------------------------------ following


def test_ids_may_be_shortened_while_only_one_fits(network: Sonar) -> None:
    campaign = create(network)
    assert network.campaign("0x" + campaign.id.hex()[:2].upper()).id == campaign.id
    create(network, nonce=1)
    for wrong in ("", "0x", "zz", "0x" + "0" * 64):
        with pytest.raises(CampaignUnknownError):
            network.campaign(wrong)


def test_the_published_example(world: World, network: Sonar, miner: Any) -> None:
    """Bounty 1,000, target 80 %: the Gradient that brings the accuracy from 50 % to 52 % earns 25."""
    campaign = create(network, target_accuracy=0.8, min_improvement=0.01)
    world.open(campaign)
    for accuracy in (50, 52, 51):
        world.submit(campaign, miner)
        world.score(campaign, accuracy * WAD // 100)
    world.submit(campaign, miner)
    first, second, third, fourth = campaign.refresh().gradients()
    assert (second.before, second.after, second.rise) == (Decimal("0.5"), Decimal("0.52"), Decimal("0.02"))
    assert str(second.reward) == "0.000000000000000025 ether"
    assert second.reward == Money(25, COIN)
    assert second.miner == str(miner.address)
    assert [one.verdict for one in (first, second, third, fourth)] == [
        "improved",
        "improved",
        "no improvement",
        "waiting",
    ]
    assert campaign.accuracy == Decimal("0.52")
    assert campaign.remaining_reward == Money(350, COIN)
    assert timedelta() < campaign.time_left <= timedelta(days=2)


def test_watching_tells_each_gradient_once_and_ends(
    world: World, network: Sonar, miner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = create(network, target_accuracy=0.8)
    world.open(campaign)
    moves = [
        lambda: world.submit(campaign, miner),
        lambda: world.score(campaign, 6 * WAD // 10),
        lambda: world.submit(campaign, miner),
        lambda: world.score(campaign, 6 * WAD // 10),
        lambda: world.deliver(campaign),
    ]
    monkeypatch.setattr("time.sleep", lambda _: moves.pop(0)())
    watched: Iterator[Any] = campaign.watch(poll_interval=1)
    assert [(gradient.number, gradient.verdict) for gradient in watched] == [(0, "improved"), (1, "no improvement")]
    assert moves == []


def test_cancel_and_refund_give_everything_back(world: World, network: Sonar, stranger: Any) -> None:
    campaign = create(network, capsule_fee="50 wei")
    before = network.chain.coin_balance(str(stranger.address))
    campaign.cancel()
    assert campaign.status is Status.CANCELLED
    assert campaign.refund(str(stranger.address)) == Money(1050, COIN)
    assert network.chain.coin_balance(str(stranger.address)) == before + 1050
    with pytest.raises(NotRequestedError, match=campaign.id.hex()):
        campaign.cancel()
    with pytest.raises(ContractError, match=campaign.id.hex()):
        campaign.refund()


def test_stop_brings_the_end_nearer(world: World, network: Sonar) -> None:
    campaign = create(network)
    world.open(campaign)
    campaign.stop()
    assert campaign.time_left <= timedelta(hours=1)


def test_expire_records_a_missed_window(world: World, network: Sonar) -> None:
    campaign = create(network)
    world.open(campaign)
    state = campaign.refresh().state
    world.until(state.ends_at + state.terms.delivery_window)
    assert campaign.refresh().status is Status.EXPIRED
    campaign.expire()
    assert campaign.refund() == Money(2000, COIN)


def test_strangers_cannot_act_for_the_data_scientist(world: World, network: Sonar, stranger: Any) -> None:
    campaign = create(network)
    theirs = world.network(account=stranger).campaign(campaign.id)
    with pytest.raises(NotScientistError, match=campaign.id.hex()):
        theirs.cancel()


def test_the_ledger_forgets_what_a_reorganisation_took_back(network: Sonar, chain: Any) -> None:
    snapshot = chain.snapshot()
    create(network)
    assert len(network.campaigns()) == 1
    chain.restore(snapshot)
    assert network.campaigns() == []


# ------------------------------------------------------------------ the result


@pytest.fixture
def opened(world: World, network: Sonar) -> Campaign:
    campaign = create(network, RandomFeatureClassifier(3), seed=5)
    world.open(campaign)
    return campaign


def test_the_result_is_the_delivered_model(world: World, opened: Campaign) -> None:
    with pytest.raises(NotDeliveredError, match="open"):
        opened.result()
    world.deliver(opened)
    trained = world.network().campaign(opened.id).result()
    assert trained.accuracy == opened.accuracy
    assert trained.score(*VALIDATION) == opened.accuracy
    predictions = trained.predict(fresh_inputs())
    assert set(predictions) <= {"no", "yes"}
    ours = RandomFeatureClassifier(3, inputs=2, outputs=2).with_initial_weights(5)
    places = ours.predictions(trained.encoder.encode_inputs(fresh_inputs()))[:, 0]
    assert predictions.tolist() == [["no", "yes"][place] for place in places]


@pytest.mark.parametrize(
    ("model", "fields", "answers"),
    [
        (MultiLabelClassifier(), [ILL, {**ILL, "name": "tired"}], {"ill": [True, False] * 5, "tired": [True] * 10}),
        (LinearRegression(), [DAYS, {**DAYS, "name": "visits"}], {"days": list(range(10)), "visits": [3] * 9 + [4]}),
    ],
)
def test_the_result_of_several_outputs(
    world: World, network: Sonar, model: Any, fields: list[Any], answers: dict[str, Any]
) -> None:
    campaign = create(network, model, output={"fields": fields}, validation=(VALIDATION[0], answers), seed=5)
    world.open(campaign)
    world.deliver(campaign)
    trained = campaign.result()
    assert trained.predict(fresh_inputs()).shape == (2, 2)
    assert trained.score(VALIDATION[0], answers) == trained.accuracy


def test_the_library_chooses_the_model(world: World, network: Sonar) -> None:
    asked = {"input": INPUT, "output": OUTPUT, "bounty": "1000 wei", "capsule": "the capsule", "lasts": "2 days"}
    campaign = network.create(None, validation=VALIDATION, options=CampaignOptions(key_bits=2048), **asked)
    spec = read_spec(world.store, campaign.state.terms.spec)
    assert spec.architecture.kind == "LinearClassifier"
    assert spec.architecture.parameters["outputs"] == 2


def test_balanced_classes_are_stated_in_the_spec(world: World, network: Sonar) -> None:
    campaign = create(network, LinearClassifier(class_weight="balanced"))
    spec = read_spec(world.store, campaign.state.terms.spec)
    assert spec.architecture.parameters["class_weight"] == (1280, 853)
    with pytest.raises(UsageError, match="names 'maybe'"):
        create(network, LinearClassifier(class_weight={"maybe": 2}))


def one_more(openings: Openings) -> Openings:
    first, *others = openings.plaintexts
    return Openings([first + 1, *others], openings.roots)


@pytest.mark.parametrize(
    ("lies", "error", "why"),
    [
        (Lies(delivery=lambda d: replace(d, campaign=b"x" * 32)), DeliveryFalseError, "Campaign"),
        (Lies(delivery=lambda d: replace(d, version=1)), DeliveryFalseError, "version"),
        (Lies(delivery=lambda d: replace(d, model=b"x" * 32)), DeliveryFalseError, "Model"),
        (Lies(delivery=lambda d: replace(d, accuracy=WAD)), DeliveryFalseError, "accuracy"),
        (Lies(delivery=lambda d: replace(d, openings=b"junk")), DeliveryFalseError, "bytes"),
        (Lies(openings=one_more), DeliveryFalseError, "opening"),
        (Lies(root=lambda _: b"x" * 32), DeliveryFalseError, "root"),
    ],
)
def test_false_deliveries_are_found_out(
    world: World, opened: Campaign, lies: Lies, error: type[Exception], why: str
) -> None:
    world.deliver(opened, lies)
    with pytest.raises(error, match=why):
        opened.result()


def test_a_delivery_is_signed_by_the_certificate_in_force(world: World, opened: Campaign, tmp_path: Path) -> None:
    stranger = Identity.create(tmp_path / "other", "Capsule", PASSPHRASE, cost=CHEAP)
    world.deliver(opened, Lies(signer=stranger))
    with pytest.raises(NoValidSignatureError):
        opened.result()


def test_an_accuracy_that_the_own_rows_do_not_give(world: World, opened: Campaign, miner: Any) -> None:
    world.submit(opened, miner)
    world.score(opened, opened.refresh().state.accuracy + WAD // 10)
    world.deliver(opened)
    with pytest.raises(DeliveryFalseError, match="its accuracy is"):
        opened.result()


def test_only_the_home_that_created_a_campaign_can_open_it(world: World, opened: Campaign) -> None:
    world.deliver(opened)
    away = Sonar(world.network().chain, world.store, world.folder / "elsewhere", PASSPHRASE, cost=CHEAP)
    with pytest.raises((DraftError, WrongKeyError)):
        away.campaign(opened.id).result()


def test_a_public_key_of_another_root(world: World, network: Sonar, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = create(network)
    with monkeypatch.context() as patch:
        patch.setattr("tests.world.data_scientist.public_key_root", lambda _: b"x" * 32)
        world.open(campaign)
    world.deliver(campaign)
    with pytest.raises(RootMismatchError):
        campaign.result()


def test_a_child_starts_from_its_parents_weights(world: World, network: Sonar) -> None:
    parent = create(network, RandomFeatureClassifier(3), seed=5)
    world.open(parent)
    world.deliver(parent)
    child = create(network, RandomFeatureClassifier(3), parent=parent)
    assert child.state.terms.parent == parent.id
    assert child.state.terms.starting_accuracy == parent.state.accuracy
    with pytest.raises(UsageError, match="not from both"):
        create(network, RandomFeatureClassifier(3), parent=parent, seed=5)


def test_arrays_serve_as_well_as_tables(network: Sonar) -> None:
    inputs = np.column_stack([VALIDATION[0]["age"], VALIDATION[0]["dose"]])
    campaign = create(network, validation=(inputs, np.array(VALIDATION[1])))
    assert campaign.state.terms.starting_accuracy == 4 * WAD // 10
