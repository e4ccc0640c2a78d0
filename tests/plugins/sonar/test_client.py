"""PySonar against the contracts: a Campaign is created once, whatever happens in between, and watched to its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import syft
from ape_sonar import vault
from ape_sonar.certificates import Key, format_ring
from ape_sonar.client import CampaignUnknownError, FundsMissingError, Sonar
from ape_sonar.events import CampaignCreated
from ape_sonar.handover import NotDeliveredError
from ape_sonar.store.embedded import EmbeddedStore
from ape_sonar.terms import CurrencyOffer, CurrencyTerms, Status
from ape_sonar.units import Currency
from tests.stage import CAPSULE_TERMS, COIN, percent

pytestmark = pytest.mark.chain

DOSE = {"name": "dose", "type": "number", "constraints": {"minimum": 0, "maximum": 8}}
ROWS = {"dose": [0, 1, 2, 6, 7, 8]}
ILL = [False, False, False, False, True, True]


class KilledError(Exception):
    """Stands for the end of the process."""


@pytest.fixture
def store(tmp_path: Path) -> EmbeddedStore:
    return EmbeddedStore(tmp_path / "blobs")


@pytest.fixture
def client(stage: Any, store: EmbeddedStore, token: Any, tmp_path: Path) -> Sonar:
    """The Data Scientist of a stage whose Capsule has published a ring and takes coin and token."""
    ring = store.put(format_ring([Key.generate("Capsule").certificate]))
    offers = [CurrencyOffer(currency, CurrencyTerms(True, 0, 10**30)) for currency in (COIN, str(token.address))]
    stage.as_(stage.capsule).announce(ring, CAPSULE_TERMS, offers)
    return reborn(stage, store, token, tmp_path)


def reborn(stage: Any, store: EmbeddedStore, token: Any, folder: Path) -> Sonar:
    """What a new process makes of the same home."""
    return Sonar(
        stage.as_(stage.scientist),
        store,
        folder / "scientist",
        "words",
        start_block=stage.start,
        tokens=[Currency(str(token.address), token.symbol(), token.decimals())],
        cost=vault.LOWEST_COST,
    )


def create(client: Sonar, stage: Any, **changes: Any) -> Any:
    asked = {"bounty": "1000 wei", "lasts": "1 day", "target_accuracy": "0.8", "min_improvement": "0.005"} | changes
    return client.create(
        syft.LinearClassifier(inputs=1, outputs=2),
        input={"fields": [DOSE]},
        output={"fields": [{"name": "ill", "type": "boolean"}]},
        validation=(ROWS, ILL),
        capsule=str(stage.capsule.address),
        key_bits=2048,
        **asked,
    )


def created(client: Sonar, stage: Any) -> int:
    events = client.chain.events(stage.start, client.chain.head() + 1)
    return sum(isinstance(event, CampaignCreated) for event in events)


def test_a_campaign_starts_at_the_measured_accuracy_and_names_published_blobs(client, stage, store):
    campaign = create(client, stage)
    terms = campaign.state.terms
    assert campaign.status is Status.REQUESTED
    # Zeros predict the lowest class for every row: four of the six are not ill.
    assert terms.starting_accuracy == 10**18 * 4 // 6
    assert campaign.payable.units == 1000 - 1000 * terms.starting_accuracy // percent(80)
    assert store.has(terms.spec)
    assert store.has(terms.validation)
    assert client.own_validation(campaign.id).root() == terms.validation_root


def test_asking_again_creates_nothing_twice_and_another_nonce_another(client, stage, store, token, tmp_path):
    first = create(client, stage)
    assert create(reborn(stage, store, token, tmp_path), stage).id == first.id
    assert created(client, stage) == 1
    assert create(client, stage, nonce=1).id != first.id
    assert created(client, stage) == 2


@pytest.mark.parametrize("after", [False, True], ids=["before the transaction", "after the transaction"])
def test_killed_around_the_transaction(client, stage, store, token, tmp_path, monkeypatch, after):
    send = client.chain.create

    def killed(*arguments: Any) -> None:
        if after:
            send(*arguments)
        raise KilledError

    monkeypatch.setattr(client.chain, "create", killed)
    with pytest.raises(KilledError):
        create(client, stage)
    assert created(client, stage) == int(after)

    again = reborn(stage, store, token, tmp_path)
    campaign = create(again, stage)

    assert created(again, stage) == 1
    assert campaign.status is Status.REQUESTED
    assert again.own_validation(campaign.id).root() == campaign.state.terms.validation_root


def test_an_erc20_bounty_is_allowed_for_exactly(client, stage, token):
    campaign = create(client, stage, bounty=f"0.001 {token.symbol()}")
    terms = campaign.state.terms
    assert token.balanceOf(stage.sonar.address) == terms.bounty + terms.capsule_fee
    assert token.allowance(stage.scientist, stage.sonar.address) == 0


def test_a_bounty_that_the_account_does_not_hold_is_named(client, stage, token):
    with pytest.raises(FundsMissingError, match="fund it"):
        create(client, stage, bounty=f"{10**15} {token.symbol()}")
    assert created(client, stage) == 0


def test_a_campaign_is_found_by_the_beginning_of_its_id(client, stage):
    campaign = create(client, stage)
    assert client.campaign("0x" + campaign.id.hex()[:8]).id == campaign.id
    for nobody in ("", "0x", "ff" * 33):
        with pytest.raises(CampaignUnknownError):
            client.campaign(nobody)


def test_watch_misses_no_gradient_scored_while_its_caller_was_busy(client, stage):
    campaign = client.campaign(stage.opened())
    stage.submit(campaign.id)
    stage.score(campaign.id, percent(20))
    stage.submit(campaign.id)
    seen = []
    for gradient in campaign.watch(poll_interval=0.001):
        seen.append((gradient.number, gradient.verdict, gradient.reward.units))
        if gradient.number == 0:
            stage.score(campaign.id, percent(80))
            stage.deliver(campaign.id)
    assert seen == [(0, "improved", 250), (1, "improved", 750)]


def test_there_is_no_result_before_the_delivery(client, stage):
    with pytest.raises(NotDeliveredError):
        create(client, stage).result()


def test_a_cancelled_campaign_gives_everything_back(client, stage):
    campaign = create(client, stage)
    campaign.cancel()
    assert campaign.refund().units == campaign.state.terms.bounty + campaign.state.terms.capsule_fee
    assert campaign.state.account().held == 0
