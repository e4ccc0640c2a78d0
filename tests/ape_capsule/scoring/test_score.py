"""Scores against exact fractions and plain loops; the rules a bundle must keep."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ape_capsule.errors import MalformedGradientError, PredictionsMovedError
from ape_capsule.scoring import gradient_checks, score
from ape_capsule.scoring.gradient_checks import CampaignRef
from sonar_core.protocol.gradient_bundle import Bundle
from sonar_core.protocol.structs import GradientRecord
from sonar_core.protocol.validation_set import ValidationSet
from syft.nn import FixedPoint, LinearClassifier, LinearRegression, Model, MultiLabelClassifier
from syft.paillier import EncryptedTensor, IntegerTensor, Packing, PublicContext

WAD = 10**18
ONE = 1 << 10
POINTS = FixedPoint(weight_exponent=6, weight_bound=8, gradient_bits=3)
INPUTS, CLASSES = 3, 3


def classifier() -> Model:
    return LinearClassifier(inputs=INPUTS, outputs=CLASSES, fixed_point=POINTS)


def regressor() -> Model:
    return LinearRegression(inputs=INPUTS, outputs=1, fixed_point=POINTS)


def tensor(values: list[list[int]], exponent: int) -> IntegerTensor:
    return IntegerTensor(np.array(values, dtype=object), exponent, POINTS.scaled_weight_bound(exponent))


def validation(rows: list[list[int]], targets: list[int]) -> ValidationSet:
    return ValidationSet.build(np.array(rows, dtype=np.int64), np.array(targets, dtype=np.int64))


def plain_sums(rows: list[list[int]], weights: list[list[Fraction]]) -> list[list[Fraction]]:
    """Rows with a constant 1.0 appended, times weights, in exact fractions."""
    extended = [[*row, ONE] for row in rows]
    return [
        [sum(Fraction(x) * w[column] for x, w in zip(row, weights, strict=True)) for column in range(len(weights[0]))]
        for row in extended
    ]


def plain_accuracy(rows: list[list[int]], targets: list[int], weights: list[list[Fraction]]) -> Fraction:
    right = 0
    for sums, target in zip(plain_sums(rows, weights), targets, strict=True):
        right += sums.index(max(sums)) == target
    return Fraction(right, len(rows))


def plain_r2(rows: list[list[int]], targets: list[int], weights: list[list[Fraction]]) -> Fraction:
    """Of predictions rounded down to 26 binary digits."""
    fine = 2**26
    predicted = [Fraction((sums[0] / ONE * fine).__floor__(), fine) for sums in plain_sums(rows, weights)]
    wanted = [Fraction(target, ONE) for target in targets]
    mean = sum(wanted) / len(wanted)
    spread = sum((y - mean) ** 2 for y in wanted)
    missed = sum((p - y) ** 2 for p, y in zip(predicted, wanted, strict=True))
    if spread == 0:
        return Fraction(missed == 0)
    return max(Fraction(0), 1 - missed / spread)


def fractions(values: IntegerTensor) -> list[list[Fraction]]:
    return [[Fraction(int(value), 2**values.exponent) for value in row] for row in values.values]


weights_of = st.integers(min_value=-(2**40), max_value=2**40)


def matrices(columns: int, small: int) -> st.SearchStrategy[list[list[int]]]:
    row = st.lists(st.integers(-small, small), min_size=columns, max_size=columns)
    return st.lists(row, min_size=INPUTS + 1, max_size=INPUTS + 1)


@st.composite
def cases(draw: st.DrawFn, columns: int) -> tuple[IntegerTensor, IntegerTensor, list[list[int]], list[int]]:
    count = draw(st.integers(1, 12))
    rows = draw(
        st.lists(st.lists(st.integers(0, ONE), min_size=INPUTS, max_size=INPUTS), min_size=count, max_size=count)
    )
    largest = CLASSES - 1 if columns > 1 else ONE
    targets = draw(st.lists(st.integers(0, largest), min_size=count, max_size=count))
    head_exponent, delta_exponent = draw(st.integers(6, 40)), draw(st.integers(9, 40))
    head = tensor(draw(matrices(columns, 4 << head_exponent)), head_exponent)
    delta = tensor(draw(matrices(columns, 3 << delta_exponent)), delta_exponent)
    return head, delta, rows, targets


def expected_best(head: IntegerTensor, delta: IntegerTensor, measured: "callable") -> tuple[Fraction, int]:
    best = (Fraction(-1), 0)
    for step in (1, 2, 3, 4):
        moved = [
            [w + d * step / 4 for w, d in zip(one, other, strict=True)]
            for one, other in zip(fractions(head), fractions(delta), strict=True)
        ]
        best = max(best, (measured(moved), step))
    return best


@settings(deadline=None, max_examples=150)
@given(case=cases(CLASSES))
def test_a_classifiers_best_step_and_accuracy_are_those_of_exact_fractions(case: tuple) -> None:
    head, delta, rows, targets = case
    verdict = score.score(
        classifier(), head, delta, validation(rows, targets), accuracy=0, target=WAD, min_improvement=1
    )
    best, step = expected_best(head, delta, lambda moved: plain_accuracy(rows, targets, moved))
    assert (verdict.accuracy, verdict.step_size) == (int(best * WAD), step)
    assert verdict.improved == (int(best * WAD) >= 1)
    moved = [
        [w + d * step / 4 for w, d in zip(one, other, strict=True)]
        for one, other in zip(fractions(head), fractions(delta), strict=True)
    ]
    assert fractions(verdict.weights) == moved
    sums = plain_sums(rows, moved)
    assert verdict.predictions[:, 0].tolist() == [one.index(max(one)) for one in sums]


@settings(deadline=None, max_examples=100)
@given(case=cases(1))
def test_a_regressors_best_step_and_accuracy_are_those_of_exact_fractions(case: tuple) -> None:
    head, delta, rows, targets = case
    verdict = score.score(
        regressor(), head, delta, validation(rows, targets), accuracy=0, target=WAD, min_improvement=1
    )
    best, _ = expected_best(head, delta, lambda moved: plain_r2(rows, targets, moved))
    assert verdict.accuracy == int(best * WAD)


@settings(deadline=None, max_examples=60)
@given(case=cases(2), seed=st.integers(0, 2**32 - 1))
def test_the_best_step_of_several_labels_is_that_of_exact_fractions(case: tuple, seed: int) -> None:
    head, delta, rows, _ = case
    answers = np.random.default_rng(seed).integers(0, 2, (len(rows), 2))
    model = MultiLabelClassifier(inputs=INPUTS, outputs=2, fixed_point=POINTS)

    def share_right(moved: list[list[Fraction]]) -> Fraction:
        labels = [[total > 0 for total in sums] for sums in plain_sums(rows, moved)]
        return Fraction(int((np.array(labels) == answers).sum()), answers.size)

    own = ValidationSet.build(np.array(rows, dtype=np.int64), answers)
    verdict = score.score(model, head, delta, own, accuracy=0, target=WAD, min_improvement=1)
    best, step = expected_best(head, delta, share_right)
    assert (verdict.accuracy, verdict.step_size) == (int(best * WAD), step)
    assert verdict.predictions.shape == answers.shape


@settings(deadline=None, max_examples=40)
@given(case=cases(2), seed=st.integers(0, 2**32 - 1))
def test_the_best_step_of_several_numbers_is_that_of_exact_fractions(case: tuple, seed: int) -> None:
    head, delta, rows, _ = case
    answers = np.random.default_rng(seed).integers(0, ONE + 1, (len(rows), 2))
    model = LinearRegression(inputs=INPUTS, outputs=2, fixed_point=POINTS)
    fine = 2**26

    def explained(moved: list[list[Fraction]]) -> Fraction:
        missed, spread = Fraction(0), Fraction(0)
        for output in range(2):
            wanted = [Fraction(int(one), ONE) for one in answers[:, output]]
            found = [Fraction((sums[output] / ONE * fine).__floor__(), fine) for sums in plain_sums(rows, moved)]
            missed += sum((p - y) ** 2 for p, y in zip(found, wanted, strict=True))
            spread += sum((y - sum(wanted) / len(wanted)) ** 2 for y in wanted)
        return max(Fraction(0), 1 - missed / spread) if spread else Fraction(missed == 0)

    own = ValidationSet.build(np.array(rows, dtype=np.int64), answers)
    verdict = score.score(model, head, delta, own, accuracy=0, target=WAD, min_improvement=1)
    best, _ = expected_best(head, delta, explained)
    assert verdict.accuracy == int(best * WAD)
    assert verdict.predictions.shape == answers.shape


ROWS = [[ONE, 0, 0], [0, ONE, 0], [0, 0, ONE], [ONE, ONE, 0]]
TARGETS = [0, 1, 2, 0]
ZERO = [[0] * CLASSES for _ in range(INPUTS + 1)]
#: Right on all four rows: the first two columns lean towards class 0 when both are there.
GOOD = [[3, 0, 0], [0, 2, 0], [0, 0, 2], [0, 0, 0]]


@pytest.mark.parametrize(
    ("accuracy", "target", "least", "improved"),
    [
        (WAD // 2, WAD, WAD // 2, True),
        (WAD // 2, WAD, WAD // 2 + 1, True),  # the last step to the target always counts
        (WAD // 2, WAD - 1, WAD // 2 + 1, True),
        (WAD, WAD + 10, 10, False),
        (WAD - 4, WAD + 10, 5, False),
        (WAD - 5, WAD + 10, 5, True),
    ],
)
def test_a_rise_counts_from_the_smaller_of_least_improvement_and_what_the_target_needs(
    accuracy: int, target: int, least: int, improved: bool
) -> None:
    verdict = score.score(
        classifier(),
        tensor(ZERO, 6),
        tensor(GOOD, 9),
        validation(ROWS, TARGETS),
        accuracy=accuracy,
        target=target,
        min_improvement=least,
    )
    assert verdict.accuracy == WAD
    assert verdict.improved is improved


def test_of_equally_good_steps_the_largest_counts() -> None:
    verdict = score.score(
        classifier(),
        tensor(ZERO, 6),
        tensor(GOOD, 9),
        validation(ROWS, TARGETS),
        accuracy=0,
        target=WAD,
        min_improvement=1,
    )
    assert verdict.step_size == 4


def test_a_step_past_the_bound_is_not_taken() -> None:
    limit = POINTS.scaled_weight_bound(9)
    delta = tensor([[limit, 0, 0], [0, limit, 0], [0, 0, limit], [0, 0, 0]], 9)
    head = tensor([[4 << 6, 0, 0], [0, 2 << 6, 0], [0, 0, 2 << 6], [0, 0, 0]], 6)
    verdict = score.score(
        classifier(), head, delta, validation(ROWS, TARGETS), accuracy=0, target=WAD, min_improvement=1
    )
    assert verdict.step_size == 2


def test_a_gradient_that_breaks_the_bound_with_every_step_is_malformed() -> None:
    limit = POINTS.scaled_weight_bound(9)
    head = tensor([[POINTS.scaled_weight_bound(6)] * CLASSES for _ in range(INPUTS + 1)], 6)
    with pytest.raises(MalformedGradientError, match="beyond the bound of 8"):
        score.score(
            classifier(),
            head,
            tensor([[limit] * CLASSES] * (INPUTS + 1), 9),
            validation(ROWS, TARGETS),
            accuracy=0,
            target=WAD,
            min_improvement=1,
        )


@settings(deadline=None)
@given(rows=st.integers(1, 1000), one=st.integers(0, 1000), apart=st.integers(-3, 3))
def test_a_claim_holds_within_one_row_exactly(rows: int, one: int, apart: int) -> None:
    one %= rows + 1
    other = min(max(one + apart, 0), rows)
    claimed, measured = one * WAD // rows, other * WAD // rows
    assert score.claim_holds(claimed, measured, rows) == (abs(one - other) <= 1)


def test_a_rebased_head_predicts_the_same_at_the_smallest_scale_that_does() -> None:
    model, packing = classifier(), Packing(100, CLASSES)
    random = np.random.default_rng(3)
    close = random.integers(0, 4 << 30, (INPUTS + 1, 1)) + random.integers(0, 1 << 20, (INPUTS + 1, CLASSES))
    head = tensor(close.astype(object).tolist(), 30)
    rows = random.integers(0, ONE + 1, (200, INPUTS)).tolist()
    targets = random.integers(0, CLASSES, 200).tolist()
    smaller = score.rebase(model, head, packing, validation(rows, targets))
    kept = [sums.index(max(sums)) for sums in plain_sums(rows, fractions(head))]
    assert [sums.index(max(sums)) for sums in plain_sums(rows, fractions(smaller))] == kept
    assert POINTS.weight_exponent < smaller.exponent < head.exponent
    for exponent in range(POINTS.weight_exponent, smaller.exponent):
        coarser = fractions(head.requantise(exponent))
        assert [sums.index(max(sums)) for sums in plain_sums(rows, coarser)] != kept


def test_no_rebase_moves_a_prediction_to_make_room() -> None:
    model = classifier()
    packing = next(
        packing
        for packing in (Packing(bits, CLASSES) for bits in range(8, 64))
        if not score.needs_rebase(model, POINTS.weight_exponent, packing)
    )
    assert score.needs_rebase(model, POINTS.weight_exponent + 1, packing)
    head = tensor([[2**20, 2**20 + 1, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]], 20)
    with pytest.raises(PredictionsMovedError) as caught:
        score.rebase(model, head, packing, validation([[ONE, 0, 0], [0, 0, 0]], [0, 0]))
    assert caught.value.room == POINTS.weight_exponent


# ---------------------------------------------------------------------- bundles

PLACE = CampaignRef(31337, "0x" + "ab" * 20, bytes([1]) * 32)
MINER = "0x" + "cd" * 20


def bundle() -> Bundle:
    return Bundle(PLACE.chain_id, PLACE.contract, PLACE.campaign, MINER, 2, bytes([9]) * 32, b"")


def record(root: bytes) -> GradientRecord:
    return GradientRecord(
        number=0, miner=MINER, bundle=bytes(32), commitment=bundle().commitment(root), version=2, submitted_at=0, due=0
    )


ROOT = bytes([5]) * 32


def test_a_fitting_bundle_passes() -> None:
    gradient_checks.check_header(bundle(), record(ROOT), PLACE)
    gradient_checks.check_commitment(bundle(), record(ROOT), ROOT)


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"chain_id": 1}, "chain 1, not 31337"),
        ({"contract": "0x" + "11" * 20}, "contract 0x1111"),
        ({"campaign": bytes(32)}, "Campaign 0x0000"),
        ({"miner": "0x" + "22" * 20}, "Miner 0x2222"),
        ({"version": 3}, "version 3, not 2"),
    ],
)
def test_a_bundle_for_another_place_is_malformed(changed: dict, word: str) -> None:
    with pytest.raises(MalformedGradientError, match=word):
        gradient_checks.check_header(replace(bundle(), **changed), record(ROOT), PLACE)


@pytest.mark.parametrize("changed", [{"salt": bytes(32)}, {}])
def test_another_bundle_than_the_one_committed_to_is_malformed(changed: dict) -> None:
    root = ROOT if changed else bytes(32)
    with pytest.raises(MalformedGradientError, match="committed"):
        gradient_checks.check_commitment(replace(bundle(), **changed), record(ROOT), root)


# ---------------------------------------------------------------------- tensors


@pytest.fixture(scope="module")
def context() -> PublicContext:
    from syft.paillier import generate_insecure_keypair

    return PublicContext(generate_insecure_keypair(512)[0])


def gradient(context: PublicContext, **changed: object) -> EncryptedTensor:
    packing = Packing(100, CLASSES)
    exponent = POINTS.weight_exponent + POINTS.gradient_bits
    facts = {
        "context": context,
        "ciphertexts": [1] * (INPUTS + 1),
        "shape": (INPUTS + 1, CLASSES),
        "packing": packing,
        "exponent": exponent,
        "bound": POINTS.gradient_bound(INPUTS + 1, POINTS.weight_exponent),
    }
    return EncryptedTensor(**(facts | changed))  # type: ignore[arg-type]


def test_a_gradient_as_a_mine_makes_it_passes(context: PublicContext) -> None:
    gradient_checks.check_tensor(gradient(context), classifier(), Packing(100, CLASSES))


def test_a_gradient_of_a_later_finer_head_passes(context: PublicContext) -> None:
    finer = gradient(context, exponent=6 + 5 + 3, bound=POINTS.gradient_bound(INPUTS + 1, 11))
    gradient_checks.check_tensor(finer, classifier(), Packing(100, CLASSES))


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"shape": (CLASSES + 1, INPUTS - 1)}, "shape"),
        ({"packing": Packing(101, CLASSES)}, "packed"),
        ({"exponent": 8}, "exponent 8"),
        ({"exponent": 95}, "exponent 95"),
        ({"bound": POINTS.gradient_bound(INPUTS + 1, POINTS.weight_exponent) + 1}, "bound"),
    ],
)
def test_a_gradient_that_fits_no_head_is_malformed(context: PublicContext, changed: dict, why: str) -> None:
    with pytest.raises(MalformedGradientError, match=why):
        gradient_checks.check_tensor(gradient(context, **changed), classifier(), Packing(100, CLASSES))
