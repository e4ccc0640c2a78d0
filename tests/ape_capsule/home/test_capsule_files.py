"""Heads, evidence and moves: what is kept comes back as it was, and what is damaged is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from ape_capsule.errors import HeadMissingError
from ape_capsule.home.plaintext_weights import PlaintextWeights
from ape_capsule.home.prepared_moves import (
    PreparedDelivery,
    PreparedMove,
    PreparedRebase,
    PreparedRejection,
    PreparedScore,
    PreparedStart,
)
from ape_capsule.home.score_evidence import ScoreEvidence
from ape_capsule.home.sealed_files import SealedFiles
from ape_capsule.home.state import CapsuleJournal
from ape_capsule.keys.openpgp_identity import Identity
from sonar_core.base.errors import FormatError
from sonar_core.crypto.certificates import Key
from sonar_core.crypto.sealed_messages import SealError
from sonar_core.protocol.commitments import openings_root, predictions_root
from sonar_core.protocol.structs import CampaignStart, Rejection, Score
from syft import wire
from syft.paillier import IntegerTensor, Openings, PrivateContext, generate_insecure_keypair

CAMPAIGN, ROOT = bytes([1]) * 32, bytes([2]) * 32


@pytest.fixture(scope="module")
def identity() -> Identity:
    return Identity(Key.generate("Capsule"))


@pytest.fixture(scope="module")
def context() -> PrivateContext:
    return PrivateContext(generate_insecure_keypair(512)[1])


def weights() -> IntegerTensor:
    values = np.array([[2**200, -(2**200)], [0, -1], [1, 12345]], dtype=object)
    return IntegerTensor(values, 77, 2**200)


def test_heads_come_back_from_a_new_process(tmp_path: Path, identity: Identity) -> None:
    PlaintextWeights(SealedFiles(tmp_path, identity)).keep(CAMPAIGN, ROOT, weights())
    found = PlaintextWeights(SealedFiles(tmp_path, identity)).take(CAMPAIGN, ROOT)
    assert found.values.tolist() == weights().values.tolist()
    assert (found.exponent, found.bound) == (77, 2**200)


def test_a_head_that_is_not_kept_or_not_the_capsules_is_told(tmp_path: Path, identity: Identity) -> None:
    heads = PlaintextWeights(SealedFiles(tmp_path, identity))
    with pytest.raises(HeadMissingError):
        heads.take(CAMPAIGN, ROOT)
    heads.keep(CAMPAIGN, ROOT, weights())
    with pytest.raises(HeadMissingError):
        heads.take(CAMPAIGN, bytes(32))
    (file,) = (tmp_path / CAMPAIGN.hex()).iterdir()
    forged = Identity(Key.generate("Mallory")).seal_to(b"forged", identity.certificate)
    file.write_bytes(forged)
    with pytest.raises(SealError):
        PlaintextWeights(SealedFiles(tmp_path, identity)).take(CAMPAIGN, ROOT)
    file.write_bytes(identity.seal_to_self(b"no weights"))
    with pytest.raises(FormatError):
        PlaintextWeights(SealedFiles(tmp_path, identity)).take(CAMPAIGN, ROOT)


def test_what_is_removed_is_gone_and_removing_again_is_nothing(tmp_path: Path, identity: Identity) -> None:
    archive = SealedFiles(tmp_path, identity)
    archive.keep(CAMPAIGN, "one.sealed", b"1")
    archive.keep(bytes(32), "other.sealed", b"2")
    for _ in range(2):
        archive.remove(CAMPAIGN)
    with pytest.raises(FileNotFoundError):
        archive.take(CAMPAIGN, "one.sealed")
    assert archive.take(bytes(32), "other.sealed") == b"2"


@settings(deadline=None, max_examples=30)
@given(predictions=st.one_of(st.none(), st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=5)))
def test_evidence_comes_back_with_the_same_root(context: PrivateContext, predictions: list[int] | None) -> None:
    column = None if predictions is None else np.array(predictions, dtype=np.int64).reshape(-1, 1)
    evidence = ScoreEvidence(Openings([-5, 7], [11, 13]), column)
    salts = np.arange(16 * len(predictions or [0]), dtype=np.uint8).reshape(-1, 16)
    again = ScoreEvidence.from_bytes(evidence.to_bytes(context), context)
    assert again.openings == evidence.openings
    second = bytes(32) if column is None else predictions_root(salts, column)
    expected = keccak(b"\x03" + openings_root(context, evidence.openings) + second)
    assert again.root(context, salts) == evidence.root(context, salts) == expected


@pytest.mark.parametrize(
    "arrays",
    [
        {"predictions": np.zeros((1, 1), np.int64)},
        {"openings": np.zeros(3, np.uint8)},
    ],
)
def test_bytes_that_are_no_evidence_are_told(context: PrivateContext, arrays: dict[str, np.ndarray]) -> None:
    with pytest.raises(FormatError, match="evidence"):
        ScoreEvidence.from_bytes(wire.dumps_arrays(arrays), context)


def test_a_move_answers_what_it_was_prepared_for_alone(tmp_path: Path) -> None:
    journal = CapsuleJournal(tmp_path / "state.sqlite")
    made = PreparedScore(Score(5, 4, bytes([9]) * 32, ROOT, bytes([8]) * 32, ROOT))
    journal.prepare(CAMPAIGN, ROOT, made)
    journal.prepare(CAMPAIGN, bytes(32), PreparedScore(Score(6, 1, bytes(32), ROOT, bytes([7]) * 32, ROOT)))
    journal.close()
    journal = CapsuleJournal(tmp_path / "state.sqlite")
    assert journal.prepared(CAMPAIGN, ROOT, PreparedScore) == made
    assert journal.prepared(CAMPAIGN, ROOT, PreparedRejection) is None
    assert journal.prepared(bytes(32), ROOT, PreparedScore) is None
    assert journal.published(CAMPAIGN) == {bytes([number]) * 32 for number in (7, 8, 9)}
    journal.close()


@pytest.mark.parametrize(
    ("move", "blobs"),
    [
        (PreparedStart(CampaignStart(b"\1" * 32, ROOT, b"\2" * 32, ROOT, 5)), {b"\1" * 32, b"\2" * 32}),
        (PreparedScore(Score(5, 4, b"\1" * 32, ROOT, b"\2" * 32, ROOT)), {b"\1" * 32, b"\2" * 32}),
        (PreparedRejection(Rejection.UNAVAILABLE, "never appeared"), {bytes(32)}),
        (PreparedRejection(Rejection.MALFORMED, "why", b"\1" * 32, ROOT), {b"\1" * 32}),
        (PreparedRebase(b"\1" * 32, ROOT, ROOT), {b"\1" * 32}),
        (PreparedDelivery(b"\1" * 32, ROOT), {b"\1" * 32}),
    ],
)
def test_every_prepared_move_comes_back_as_it_was(tmp_path: Path, move: PreparedMove, blobs: set[bytes]) -> None:
    journal = CapsuleJournal(tmp_path / "state.sqlite")
    journal.prepare(CAMPAIGN, ROOT, move)
    assert journal.prepared(CAMPAIGN, ROOT, type(move)) == move
    assert journal.published(CAMPAIGN) == move.blobs - {bytes(32)} == blobs - {bytes(32)}
    journal.close()


def test_attempts_are_counted_across_restarts_by_message(tmp_path: Path) -> None:
    for expected in (1, 2, 3):
        state = CapsuleJournal(tmp_path / "state.sqlite")
        assert state.count_attempt(ROOT) == expected
        state.close()
    state = CapsuleJournal(tmp_path / "state.sqlite")
    assert state.count_attempt(CAMPAIGN) == 1
    state.close()
