"""A whole market in one process: every party is real, and they take turns on a simulated chain."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

import syft
from ape_capsule.keys.openpgp_identity import Identity
from ape_capsule.loop import Capsule
from ape_capsule.moves.announce import announce
from ape_capsule.service import build_capsule
from ape_mine.home.home import Home
from ape_mine.loop import Mine
from ape_sonar import Campaign, CampaignOptions, Sonar
from scripts._datasets import Dataset
from scripts._outcome import Answers, Books, GradientOutcome, Outcome
from scripts._parties import Rows, furnish, other
from scripts._screen import Screen
from scripts._sentiment import auc
from sonar_core.chain.contracts import SonarContracts
from sonar_core.protocol.ledger import CampaignState
from sonar_core.protocol.structs import CapsuleTerms, CurrencyOffer, CurrencyTerms, Status
from sonar_core.protocol.units import COIN, WAD, ZERO_ADDRESS, Currency, format_money
from sonar_core.store.embedded import EmbeddedStore
from syft.nn import Model

KEY_BITS = 2048
#: Gradients that a Mine computes for one Campaign at most.
ROUNDS = 3
MINES = ("north", "noise", "south", "outsider")
PASSPHRASE = "only for this demonstration"  # noqa: S105 - nothing of it outlives the process
_CAPSULE_TERMS = CapsuleTerms(
    scoring_fee=10**13,
    open_within=600,
    scoring_window=1800,
    per_gradient=60,
    delivery_window=3600,
    largest_model=10_000,
)


@dataclass
class Market:
    """All parties, before the first Campaign.

    Attributes:
        chain: Ape's chain manager, which moves time.
        scientist: PySonar as the Data Scientist.
        oracle: the Capsule.
        mines: by name.
        homes: the Mines' homes, by name.
        token: the ERC-20 of the first Bounty.
        names: the Mines' names by the address of their Miners.
        capsule: the Capsule's address.
    """

    chain: Any
    scientist: Sonar
    oracle: Capsule
    mines: dict[str, Mine]
    homes: dict[str, Home]
    token: Currency
    names: dict[str, str]
    capsule: str


def set_up(project: Any, accounts: Any, chain: Any, folder: Path, dataset: Dataset, rows: Rows) -> Market:
    """Deploys Sonar and makes Capsule, Mines and Data Scientist, each with a home of its own."""
    deployer, scientist, capsule, *miners = (accounts[place] for place in range(3 + len(MINES)))
    start_block = chain.blocks.head.number
    registry = deployer.deploy(project.CapsuleRegistry)
    sonar = deployer.deploy(project.Sonar, registry)
    contract = deployer.deploy(project.PlainToken)
    for holder in (scientist, capsule):
        contract.mint(holder, 10**12, sender=deployer)
    looker = SonarContracts(sonar.address, deployer)
    token = Currency(str(contract.address), contract.symbol(), contract.decimals())
    store = EmbeddedStore(folder / "blobs")

    identity = Identity.create(folder / "capsule", "Capsule of the demonstration", PASSPHRASE)
    offers = [
        CurrencyOffer(address, CurrencyTerms(True, smallest_fee, 2**128 - 1))
        for address, smallest_fee in ((ZERO_ADDRESS, 2 * 10**15), (token.address, 20 * 10**token.decimals))
    ]
    announce(looker.as_account(capsule), store, identity, _CAPSULE_TERMS, offers)
    oracle = build_capsule(
        looker.as_account(capsule), store, folder / "capsule", PASSPHRASE, confirmations=0, start_block=start_block
    )

    mines, homes = {}, {}
    for name, account in zip(MINES, miners, strict=True):
        home = Home.create(folder / f"mine-{name}", str(account.address), str(sonar.address))
        kind = other(dataset) if name == "outsider" else dataset
        frame = kind.frame if name == "outsider" else rows.mines[name]
        furnish(home, name, kind, frame, str(capsule.address), [token], ROUNDS)
        homes[name] = home
        mines[name] = Mine(
            looker.as_account(account), store, home, confirmations=0, start_block=start_block, tokens=[token]
        )
    names = {str(account.address): name for name, account in zip(MINES, miners, strict=True)}
    client = Sonar(
        looker.as_account(scientist),
        store,
        folder / "scientist",
        PASSPHRASE,
        start_block=start_block,
        tokens=[token],
    )
    return Market(chain, client, oracle, mines, homes, token, names, str(capsule.address))


def play(market: Market, dataset: Dataset, rows: Rows, screen: Screen, *, model: Model | None = None) -> list[Outcome]:
    """Two Campaigns: one with an ERC-20 Bounty, and a small one in ether that starts from the first one's weights.

    If the first one meets its target, nothing is left to pay for, and it stays the only one.
    """
    model, token = model or model_for(dataset), market.token
    first = _campaign(market, dataset, rows, model, bounty=f"1000 {token.symbol}", parent=None)
    outcome = _run(market, dataset, rows, first, f"{dataset.name}, {token.symbol}", token, screen)
    if first.refresh().state.target_met:
        screen.say("The target is met: nothing is left that a second Campaign could pay for.")
        return [outcome]
    more = rows.mines["later"]
    screen.say(f"{len(more)} more rows come to the Mine south; a second, small Campaign goes on from those weights.")
    screen.say()
    furnish(market.homes["south"], "south", dataset, more, market.capsule, [token], ROUNDS)
    second = _campaign(market, dataset, rows, model, bounty="0.1 ether", parent=first)
    return [outcome, _run(market, dataset, rows, second, f"{dataset.name} continued, ether", COIN, screen)]


def model_for(dataset: Dataset, class_weight: Literal["balanced"] | None = None) -> Model:
    """A neural network that fits the data: random features in front of a trainable output layer.

    For texts the output layer alone: their encoder has done the work of the hidden layer.
    """
    weights = {"class_weight": class_weight} if class_weight else {}
    if dataset.texts:
        return syft.LinearClassifier(mu=1e-3, **weights)
    features = 384 if len(dataset.input_schema["fields"]) >= 32 else 192
    return (
        syft.RandomFeatureClassifier(features, **weights) if dataset.classes else syft.RandomFeatureRegressor(features)
    )


def _campaign(
    market: Market, dataset: Dataset, rows: Rows, model: Model, *, bounty: str, parent: Campaign | None
) -> Campaign:
    inputs = rows.validation.drop(columns=dataset.output)
    return market.scientist.create(
        model,
        input=dataset.input_schema,
        output=dataset.output_schema,
        validation=(inputs, rows.validation[dataset.output]),
        bounty=bounty,
        target_accuracy=dataset.target,
        texts=dataset.texts,
        capsule=market.capsule,
        lasts="1 day",
        parent=parent,
        options=CampaignOptions(description=dataset.description, key_bits=KEY_BITS),
    )


def _run(
    market: Market, dataset: Dataset, rows: Rows, campaign: Campaign, title: str, currency: Currency, screen: Screen
) -> Outcome:
    """A Campaign from its opening to the last payment."""
    screen.say(f"Campaign {title}: {campaign.bounty}, paid as the {dataset.metric} on the hidden rows rises", bold=True)
    screen.working("the Capsule makes the Campaign's key pair")
    _capsule_until_quiet(market)
    screen.gradients_header()
    shown, turns, reasons = 0, 0, dict[str, str]()
    most_turns = (ROUNDS + 1) * len(market.mines)
    for _ in range(ROUNDS + 1):
        moved = False
        for name, mine in market.mines.items():
            screen.working(f"Mine {name} trains on ciphertexts", done=turns, total=most_turns)
            actions = mine.step()
            for action in actions:
                if action.kind == "noted":
                    reasons[name] = action.words.partition(": ")[2]
            if submitted := any(action.kind == "submitted" for action in actions):
                screen.working("the Capsule scores the Gradient", done=turns, total=most_turns)
            moved |= submitted
            _capsule_until_quiet(market)
            turns += 1
            for gradient in _gradients(market, campaign.refresh().state)[shown:]:
                screen.gradient(gradient, format_money(gradient.reward, currency))
                shown += 1
        if not moved:
            break
    screen.working("delivery of the Model, and payments", done=most_turns, total=most_turns)
    _finish(market, campaign)
    outcome = _outcome(market, dataset, rows, campaign, title, currency, reasons)
    screen.result(outcome)
    return outcome


def _capsule_until_quiet(market: Market) -> None:
    while any(action.kind not in ("trouble", "waiting") for action in market.oracle.step()):
        pass


def _finish(market: Market, campaign: Campaign) -> None:
    """Mining ends, the Model is delivered, everybody takes what is theirs."""
    state = campaign.refresh().state
    if not state.target_met and market.chain.pending_timestamp < state.ends_at:
        market.chain.mine(timestamp=state.ends_at)
    _capsule_until_quiet(market)
    for mine in market.mines.values():
        mine.collect()
    _capsule_until_quiet(market)
    if campaign.refresh().state.refundable():
        campaign.refund()


def _gradients(market: Market, state: CampaignState) -> list[GradientOutcome]:
    return [
        GradientOutcome(
            number=number,
            mine=market.names[gradient.record.miner],
            accuracy_before=gradient.scored.accuracy_before,
            accuracy_after=gradient.scored.accuracy_after,
            reward=state.reward(gradient),
        )
        for number, gradient in sorted(state.gradients.items())
        if gradient.scored
    ]


def _outcome(
    market: Market,
    dataset: Dataset,
    rows: Rows,
    campaign: Campaign,
    title: str,
    currency: Currency,
    reasons: dict[str, str],
) -> Outcome:
    state, trained = campaign.refresh().state, campaign.result()
    held_out = trained.encoder.encode_inputs(rows.held_out)
    answers = trained.encoder.encode_targets(rows.held_out)
    return Outcome(
        title=title,
        bounty=state.terms.bounty,
        currency=currency,
        starting_accuracy=state.starting_accuracy,
        target_accuracy=state.terms.target_accuracy,
        final_accuracy=state.accuracy,
        heldout_accuracy=trained.model.evaluate(held_out, answers).accuracy / WAD,
        heldout_auc=auc(trained.model, held_out, answers) if dataset.texts else None,
        metric=dataset.metric,
        status=Status(state.recorded).name.capitalize(),
        books=_books(market, state),
        gradients=_gradients(market, state),
        stayed_out=reasons,
        answers=_answers(dataset, trained.predict(rows.held_out)) if dataset.classes else None,
    )


def _books(market: Market, state: CampaignState) -> Books:
    """The Campaign's money by its events."""
    paid: dict[str, int] = dict.fromkeys(market.mines, 0)
    for gradient in state.gradients.values():
        if gradient.claimed:
            paid[market.names[gradient.record.miner]] += state.reward(gradient)
    bond, fee = (state.terms.capsule_bond, state.terms.capsule_fee) if state.bond_collected else (0, 0)
    return Books(state.account().escrowed, paid, state.refunded_amount, bond, fee)


def _answers(dataset: Dataset, predictions: NDArray[Any]) -> Answers:
    shares = dataset.frame[dataset.output].value_counts(normalize=True)
    given = set(predictions.tolist())
    constant = str(given.pop()) if len(given) == 1 else None
    return Answers(constant, str(shares.index[-1]), float(shares.iloc[-1]), float(shares.iloc[0]))
