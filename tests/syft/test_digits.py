"""Training on real data under a 2048-bit key, from an initial Model to a delivered one, without a chain."""

import numpy as np
from sklearn.datasets import load_digits

from syft import wire
from syft.nn import STEP_SIZES, WAD, RandomFeatureClassifier, apply_delta, from_spec, quantise
from syft.paillier import PublicContext, unpack, verify_openings


def split():
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(3).permutation(len(y))
    rows, answers = quantise(X / 16)[order], y.reshape(-1, 1)[order]
    held_out, validation, *mines = np.split(np.arange(len(y)), [360, 600, 1100])
    return [(rows[part], answers[part]) for part in (held_out, validation, *mines)]


def best_step(model, head, delta, validation):
    """The step size that a Capsule chooses: the most accurate, and the largest of equals."""
    scores = [
        model.evaluate(*validation, apply_delta(head, delta, step, model.fixed_point)).accuracy for step in STEP_SIZES
    ]
    return max(zip(scores, STEP_SIZES, strict=True))


def test_digits_are_learned_while_encrypted(full_size):
    held_out, validation, *mines = split()
    drawn = RandomFeatureClassifier(512, inputs=64, outputs=10, mu=0.03)
    model = from_spec(*drawn.to_spec()).with_initial_weights()
    clear, head = model.weights_, full_size.encrypt(model.weights_, model.fixed_point.packing(2048, model.shape))
    maps = [model.gradient_map(model.statistics(*rows)) for rows in mines]
    accuracy = model.evaluate(*validation, clear).accuracy
    public = wire.loads_public_key(wire.dumps_public_key(full_size))
    paid = []
    for map_ in (*maps, maps[0]):
        # The Mine generates its own re-randomiser.
        mine = PublicContext(public.public_key)
        delta = map_.delta(wire.loads_tensor(wire.dumps_tensor(head), mine), model.fixed_point)
        received = wire.loads_tensor(wire.dumps_tensor(delta), full_size)
        decrypted = full_size.decrypt(received)
        exact = map_.delta(clear, model.fixed_point)
        assert decrypted.values.tolist() == exact.values.tolist()
        assert (decrypted.exponent, decrypted.bound) == (exact.exponent, exact.bound)
        score, step = best_step(model, clear, decrypted, validation)
        if score > accuracy:
            clear = apply_delta(clear, decrypted, step, model.fixed_point)
            clear.check_bound()
            head = apply_delta(head, received, step, model.fixed_point)
            paid.append(score - accuracy)
            accuracy = score
    assert len(paid) >= 2
    assert 0.95 * WAD < sum(paid) + model.evaluate(*validation).accuracy == accuracy
    openings = full_size.open(head)
    verify_openings(wire.loads_tensor(wire.dumps_tensor(head), public), openings)
    delivered = model.with_weights(unpack(openings.plaintexts, head))
    assert delivered.weights_.values.tolist() == clear.values.tolist()
    assert delivered.evaluate(*validation).accuracy == accuracy
    assert delivered.evaluate(*held_out).accuracy >= 0.975 * WAD


def test_digits_are_learned_in_the_clear_by_the_same_integers():
    held_out, _, *mines = split()
    rows, answers = (np.concatenate(parts) for parts in zip(*mines, strict=True))
    X, y = rows / 1024, answers[:, 0]
    model = RandomFeatureClassifier(512).fit(X, y)
    assert model.score(held_out[0] / 1024, held_out[1][:, 0]) >= 0.975
