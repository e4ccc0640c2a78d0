"""The data flow of the whole business, from `create` to the last payment, on real data."""

from __future__ import annotations

import numpy as np

from ape_capsule.home.paths import WARRANT_FILE
from ape_capsule.keys.paillier_keystore import Keystore
from ape_capsule.keys.warrant_log import read
from ape_sonar import Campaign
from scripts._chart import drawn
from scripts._demo import MINES, PASSPHRASE
from scripts._outcome import report
from sonar_core.data.row_encoder import RowEncoder
from sonar_core.store.artifacts import read_frozen, read_public_key, read_spec, read_tensor
from syft import wire
from syft.nn import apply_delta


def campaigns(played) -> list[Campaign]:
    return played.market.scientist.campaigns()


def test_every_unit_of_money_is_accounted_for(played):
    for outcome in played.outcomes:
        assert outcome.books.balances
        assert outcome.status == "Delivered"
    chain, token = played.market.scientist.chain, played.market.token
    assert chain.token_balance(token.address, chain.address) == 0
    assert chain.coin_balance(chain.address) == 0


def test_mines_with_good_rows_earn_and_noise_earns_nothing(played):
    paid = played.outcomes[0].books.paid
    assert paid["north"] > 0
    assert paid["noise"] == 0
    assert any(gradient.mine == "noise" for gradient in played.outcomes[0].gradients)


def test_a_mine_without_relevant_rows_stays_out_by_its_own_policy(played):
    for outcome in played.outcomes:
        assert all(gradient.mine != "outsider" for gradient in outcome.gradients)
    with played.market.homes["outsider"].state().opened() as state:
        assert any("does not fit" in note.reason for note in state.notes())


def test_the_second_campaign_starts_where_the_first_ended(played):
    first, second = played.outcomes
    assert abs(first.final_accuracy - second.starting_accuracy) * len(played.rows.validation) <= 10**18
    states = [campaign.state for campaign in campaigns(played)]
    assert states[1].terms.parent == states[0].id


def test_the_delivered_model_predicts_rows_that_nobody_saw(played):
    dataset, held_out = played.dataset, played.rows.held_out
    trained = campaigns(played)[0].result()
    predictions = trained.predict(held_out.drop(columns=dataset.output))
    right = np.mean(predictions == held_out[dataset.output].to_numpy())
    assert right > 0.9
    assert float(trained.score(held_out.drop(columns=dataset.output), held_out[dataset.output])) == right


def test_encrypted_gradients_equal_plaintext_integers(played):
    """The Gradient that "north" computed on ciphertexts, decrypted, is the one that plaintext integers give."""
    campaign, store = campaigns(played)[0].state, played.market.scientist.store
    spec = read_spec(store, campaign.terms.spec)
    model = spec.initial_model(read_frozen(store, spec))
    encoder = RowEncoder(played.dataset.input_schema, played.dataset.output_schema)
    frame = played.rows.mines["north"]
    rows = encoder.encode_inputs(frame.drop(columns=played.dataset.output))
    answers = encoder.encode_targets(frame[played.dataset.output])
    expected = model.gradient(rows, answers)

    keys = Keystore(played.folder / "capsule" / "keys", PASSPHRASE).get(campaign.id)
    gradient = campaign.gradients[0]
    assert played.market.names[gradient.record.miner] == "north"
    opened = store.get(gradient.score.unsealed_bundle, limit=1 << 28)
    decrypted = keys.decrypt(wire.loads_tensor(opened, keys))
    assert decrypted.exponent == expected.exponent
    assert (decrypted.values == expected.values).all()


def test_anybody_can_recompute_every_head(played):
    """new head = head x delta^step, from public blobs alone."""
    store = played.market.scientist.store
    for campaign in (one.state for one in campaigns(played)):
        spec = read_spec(store, campaign.terms.spec)
        start = campaign.start
        context = read_public_key(store, start.public_key, start.public_key_root, bits=spec.key_bits)
        head = read_tensor(store, start.model, start.model_root, context)
        for _, gradient in sorted(campaign.gradients.items()):
            if not gradient.rise:
                continue
            delta = wire.loads_tensor(store.get(gradient.score.unsealed_bundle, limit=1 << 28), context)
            moved = apply_delta(head, delta, gradient.score.step_size, spec.fixed_point)
            published = read_tensor(store, gradient.score.model, gradient.score.model_root, context)
            assert moved.ciphertexts == published.ciphertexts
            head = published


def test_every_decryption_has_its_warrant(played):
    warranted = {
        (entry.warrant.campaign, entry.warrant.number): entry.warrant.transaction
        for entry in read(played.folder / "capsule" / WARRANT_FILE)
        if entry.warrant.kind.value == "gradient"
    }
    for campaign in (one.state for one in campaigns(played)):
        for number in campaign.gradients:
            assert warranted[(campaign.id, number)] != bytes(32)


def test_the_report_says_what_happened(played):
    written = report(played.outcomes, 1.0)
    assert [campaign["currency"] for campaign in written["campaigns"]] == ["USDX", "ether"]
    for campaign in written["campaigns"]:
        books = {name: int(amount) for name, amount in campaign["books"].items()}
        assert books["escrowed"] == books["paid"] + books["refunded"] + books["bond"] + books["fee"]
        assert books["bond"] > 0
        assert sum(int(gradient["reward"]) for gradient in campaign["gradients"]) == books["paid"]
        assert sum(map(int, campaign["payouts"].values())) == books["paid"]
        assert set(campaign["payouts"]) == set(MINES)


def test_the_screen_tells_the_story_in_80_columns(played):
    lines = played.screen.splitlines()
    assert max(map(len, lines)) <= 80
    assert sum("%" in line and " north " in line for line in lines) >= 2
    assert any(line.split()[:2] == ["outsider", "stayed"] for line in lines)
    assert any(line.split()[:3] == ["noise", "earned", "nothing:"] for line in lines)
    assert sum("not a unit is missing" in line for line in lines) == 2
    assert "INFO" not in played.screen


def test_the_chart_has_every_mine_that_was_paid(played):
    figure = drawn(played.outcomes)
    for panel, outcome in zip(figure.axes[len(played.outcomes) :], played.outcomes, strict=True):
        bars = dict(zip((label.get_text() for label in panel.get_yticklabels()), panel.patches, strict=True))
        assert {mine: bar.get_width() > 0 for mine, bar in bars.items()} == {
            mine: amount > 0 for mine, amount in outcome.books.paid.items()
        }
