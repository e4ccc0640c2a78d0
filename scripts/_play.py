"""The whole business in one process: every party is real, and they are stepped in turn on a simulated chain."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import syft
from ape_capsule.keys.openpgp_identity import Identity
from ape_capsule.loop import Capsule
from ape_capsule.service import announce, build_oracle
from ape_mine.home.home import Home
from ape_mine.loop import Mine
from ape_sonar.client import Campaign, Sonar
from scripts._cast import Rows, furnish, other
from scripts._datasets import Dataset
from scripts._outcome import WAD, GradientOutcome, Ledger, Outcome
from scripts._screen import Screen
from scripts._sentiment import auc
from sonar_core.chain.contracts import SonarContracts
from sonar_core.protocol.ledger import CampaignState
from sonar_core.protocol.structs import CapsuleTerms, CurrencyOffer, CurrencyTerms, Status
from sonar_core.protocol.units import COIN, ZERO_ADDRESS, Currency, format_money
from sonar_core.store.embedded import EmbeddedStore

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
class Stage:
    """Everything that is on the stage before the first Campaign.

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


def set_up(project: Any, accounts: Any, chain: Any, folder: Path, dataset: Dataset, rows: Rows) -> Stage:
    """Deploys Sonar, and brings in Capsule, Mines and Data Scientist, each with a home of its own."""
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
    oracle = build_oracle(
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
    return Stage(chain, client, oracle, mines, homes, token, names, str(capsule.address))


def play(
    project: Any, accounts: Any, chain: Any, folder: Path, dataset: Dataset, rows: Rows, screen: Screen
) -> list[Outcome]:
    """Sets the stage, and plays on it."""
    return play_on(set_up(project, accounts, chain, folder, dataset, rows), dataset, rows, screen)


def play_on(stage: Stage, dataset: Dataset, rows: Rows, screen: Screen) -> list[Outcome]:
    """Two Campaigns: one with an ERC-20 Bounty, and a small one in ether that starts from the first one's weights.

    Where the first one meets its target, which is perfection, nothing is left to pay for, and it stays the only one.
    """
    model = model_for(dataset)
    first = _campaign(stage, dataset, rows, model, bounty=f"1000 {stage.token.symbol}", parent=None)
    outcome = _run(stage, dataset, rows, first, f"{dataset.name}, {stage.token.symbol}", stage.token, screen)

    if first.state.target_met:
        screen.say("The target is met: nothing is left that a second Campaign could pay for.\n")
        return [outcome]
    more = rows.mines["later"]
    screen.say(
        f"{len(more)} more rows come to the Mine south; a second, small Campaign starts from the trained weights.\n"
    )
    furnish(stage.homes["south"], "south", dataset, more, stage.capsule, [stage.token], ROUNDS)
    second = _campaign(stage, dataset, rows, model, bounty="0.1 ether", parent=first)
    return [outcome, _run(stage, dataset, rows, second, f"{dataset.name} continued, ether", COIN, screen)]


def model_for(dataset: Dataset) -> syft.nn.Model:
    """A neural network that fits the data: random features in front of a trainable output layer.

    Where an encoder of texts has done the work of the hidden layer, the output layer alone.
    """
    if dataset.texts:
        return syft.LinearClassifier(mu=1e-3)
    inputs = len(dataset.schema["fields"]) - 1
    features = 384 if inputs >= 32 else 192
    if dataset.is_classification:
        classes = len(dataset.schema["fields"][-1]["constraints"]["enum"])
        return syft.RandomFeatureClassifier(features, inputs=inputs, outputs=classes)
    return syft.RandomFeatureRegressor(features, inputs=inputs, outputs=1)


def _campaign(
    stage: Stage, dataset: Dataset, rows: Rows, model: syft.nn.Model, *, bounty: str, parent: Campaign | None
) -> Campaign:
    inputs = rows.validation.drop(columns=dataset.output)
    return stage.scientist.create(
        model,
        description=dataset.description,
        input=dataset.input_schema,
        output=dataset.output_schema,
        validation=(inputs, rows.validation[dataset.output]),
        bounty=bounty,
        target_accuracy=dataset.target,
        texts=dataset.texts,
        capsule=stage.capsule,
        lasts="1 day",
        parent=parent,
        key_bits=KEY_BITS,
    )


def _run(
    stage: Stage, dataset: Dataset, rows: Rows, campaign: Campaign, title: str, currency: Currency, screen: Screen
) -> Outcome:
    """A Campaign from its opening to the last payment."""
    _capsule_until_quiet(stage)
    screen.say(f"Campaign 0x{campaign.id.hex()[:16]}: {title}, payable {campaign.payable}")
    with screen.scores(title) as table:
        shown = 0
        for _ in range(ROUNDS + 1):
            moved = False
            for name, mine in stage.mines.items():
                actions = mine.step()
                for action in actions:
                    if name == "outsider" and action.kind == "noted" and action.campaign == campaign.id:
                        screen.say(f"Mine {name} stays out: {action.words}")
                moved |= any(action.kind == "submitted" for action in actions)
                _capsule_until_quiet(stage)
                shown = _show_new(stage, campaign, shown, table, currency)
            if not moved:
                break
    _finish(stage, campaign)
    return _outcome(stage, dataset, rows, campaign, title, currency)


def _capsule_until_quiet(stage: Stage) -> None:
    while any(action.kind not in ("trouble", "waiting") for action in stage.oracle.step()):
        pass


def _show_new(stage: Stage, campaign: Campaign, shown: int, table: Any, currency: Currency) -> int:
    for gradient in _gradients(stage, campaign.state)[shown:]:
        table.add(gradient, format_money(gradient.reward, currency))
        shown += 1
    return shown


def _finish(stage: Stage, campaign: Campaign) -> None:
    """Mining ends, the Model is delivered, everybody takes what is theirs."""
    state = campaign.state
    if not state.target_met and stage.chain.pending_timestamp < state.ends_at:
        stage.chain.mine(timestamp=state.ends_at)
    _capsule_until_quiet(stage)
    for mine in stage.mines.values():
        mine.collect()
    _capsule_until_quiet(stage)
    if campaign.state.refundable():
        campaign.refund()


def _gradients(stage: Stage, state: CampaignState) -> list[GradientOutcome]:
    return [
        GradientOutcome(
            number=number,
            mine=stage.names[gradient.record.miner],
            accuracy_before=gradient.scored.before,
            accuracy_after=gradient.scored.afterwards,
            reward=state.reward(gradient),
        )
        for number, gradient in sorted(state.gradients.items())
        if gradient.scored
    ]


def _outcome(stage: Stage, dataset: Dataset, rows: Rows, campaign: Campaign, title: str, currency: Currency) -> Outcome:
    state, trained = campaign.state, campaign.result()
    held_out = trained.encoder.encode_inputs(rows.held_out)
    answers = trained.encoder.encode_targets(rows.held_out)
    heldout = trained.model.evaluate(held_out, answers).accuracy / WAD
    return Outcome(
        title=title,
        bounty=state.terms.bounty,
        currency=currency,
        starting_accuracy=state.starting_accuracy,
        target_accuracy=state.terms.target_accuracy,
        final_accuracy=state.accuracy,
        heldout_accuracy=heldout,
        heldout_auc=auc(trained.model, held_out, answers) if dataset.texts else None,
        metric="accuracy" if dataset.is_classification else "r2",
        status=Status(state.recorded).name.capitalize(),
        ledger=_ledger(stage, state),
        gradients=_gradients(stage, state),
    )


def _ledger(stage: Stage, state: CampaignState) -> Ledger:
    """The Campaign's money as its events tell it."""
    paid: dict[str, int] = dict.fromkeys(stage.mines, 0)
    for gradient in state.gradients.values():
        if gradient.claimed:
            paid[stage.names[gradient.record.miner]] += state.reward(gradient)
    refunded = {
        "Data Scientist": state.refunded_amount,
        "Capsule, its bond": state.terms.capsule_bond if state.bond_collected else 0,
    }
    fee = state.terms.capsule_fee if state.bond_collected else 0
    return Ledger(state.account().escrowed, paid, refunded, fee)
