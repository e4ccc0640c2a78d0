"""The core of a Mine's work: statistics of its rows, the affine map they give, the encrypted delta, re-randomised.

Pure: rows and an encrypted Model in, a Gradient out. All that the rows contribute is in the local statistics; only the
re-randomised ciphertexts are fit to leave.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from operator import add

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ape_mine.errors import CampaignUnusableError
from ape_mine.policy.schema_matching import Match
from ape_mine.training.clipping_bounds import row_bounds
from sonar_core.base.canonical_json import to_canonical
from sonar_core.data.row_encoder import RowEncoder
from sonar_core.protocol.campaign_spec import CampaignSpec
from syft import TaskExecutor
from syft.nn import LocalStatistics, Model, choose_mu
from syft.paillier import EncryptedTensor
from syft.privacy import Release

#: Parts of the rows that are held out in turn to choose mu, and the least rows of each.
FOLDS = 5
LEAST_FOLD = 5
#: Features of the largest Model whose mu is chosen: it takes as many eigendecompositions as there are parts.
MOST_VALIDATED = 2_048
#: Cells of a chunk of features: bounds the memory that training takes, whatever the number of rows.
_CELLS_AT_ONCE = 1 << 22


@dataclass(frozen=True, slots=True)
class LocalResult:
    """What a Mine knows of its own rows.

    Attributes:
        statistics: exact.
        mu: by cross-validation; None where it was not asked for, the rows are too few, or the features too many.
    """

    statistics: LocalStatistics
    mu: float | None


def own_statistics(
    model: Model,
    encoder: RowEncoder,
    match: Match,
    frames: Iterable[pd.DataFrame],
    *,
    seed: bytes | None = None,
    executor: TaskExecutor | None = None,
) -> LocalResult:
    """What the rows say of a Model, and the mu that cross-validation on them chooses, if it is asked for.

    Args:
        model: the Campaign's, with or without weights.
        encoder: of the Campaign's Input and Output.
        match: which columns stand for which fields.
        frames: the rows, as `Dataset.frames` gives them.
        seed: draws the parts of the rows that are held out in turn, the same for the same dataset; None for no mu.
        executor: computes the statistics of each chunk; None computes them in this process.

    Raises:
        RowError: a cell is not of its field's type; its message shows the cell, so it must not leave the Mine.
        StatisticsError: there are no rows.
        TaskExecutorError: a worker was lost or failed.
    """
    rows = _features(model, encoder, match, frames)
    if seed is None or model.shape[0] > MOST_VALIDATED:
        return LocalResult(LocalStatistics.from_chunks(rows, executor), None)
    source = np.random.default_rng(int.from_bytes(seed, "big"))
    folds = LocalStatistics.folds(rows, FOLDS, source, executor)
    mu = choose_mu(folds) if min(fold.rows for fold in folds) >= LEAST_FOLD else None
    return LocalResult(reduce(add, folds), mu)


def noisy_statistics(
    model: Model,
    encoder: RowEncoder,
    match: Match,
    frames: Iterable[pd.DataFrame],
    *,
    clip: float,
    rho: Fraction,
    executor: TaskExecutor | None = None,
) -> Release:
    """What the rows say of a Model as far as rho allows; each call spends it anew.

    Args:
        model, encoder, match, frames, executor: as for `own_statistics`.
        clip: as for `row_bounds`.
        rho: the most that may be spent, in zCDP.

    Raises:
        RowError, StatisticsError, TaskExecutorError: as for `own_statistics`.
        PrivacyError: no noise that a Mine can add keeps the promise, or no bounds follow from the clip.
    """
    rows, bounds = _features(model, encoder, match, frames), row_bounds(model, encoder, clip)
    return Release.draw(rows, bounds, rho, executor=executor)


def gradient(
    model: Model, statistics: LocalStatistics, head: EncryptedTensor, mu: float | None = None
) -> EncryptedTensor:
    """The Gradient of the head, ready to leave: nobody can tell from it how it came about.

    Args:
        model: the Campaign's.
        statistics: of the Mine's rows, exact or noisy.
        head: the newest Model, under a context whose re-randomiser the Mine trusts: its own.
        mu: that the Mine's own rows ask for, if it is known. The Campaign's is the least: it keeps Mines whose rows
            are of different kinds from pulling the Model apart, which none of them sees in its own.

    Raises:
        CampaignUnusableError: the head is of another shape than the Model.
        StatisticsError: a weight would leave the Campaign's bound, or there are no rows.
        SlotOverflowError: the head's slots are full until its Capsule rebases it.
    """
    if head.shape != model.shape:
        raise CampaignUnusableError(f"the head has shape {head.shape}, but the spec's Model has shape {model.shape}")
    return model.gradient_map(statistics, max(model.mu, mu or 0.0)).delta(head, model.fixed_point)


def rows_at_once(model: Model) -> int:
    """Rows of a chunk, so that their features stay in bounds."""
    inputs, features = model.inputs or 1, model.shape[0]
    return max(_CELLS_AT_ONCE // max(inputs, features), 64)


def statistics_key(spec: CampaignSpec, dataset_version: bytes, match: Match | None = None) -> bytes:
    """Names local statistics: the same for every Campaign that asks the same rows the same question, 32 bytes.

    Args:
        spec: of the Campaign.
        dataset_version: of the rows.
        match: which columns stand for which fields; None for those of their names.
    """
    asked = spec.model_dump(
        mode="json", include={"input", "output", "texts", "architecture", "frozen"}, exclude_unset=True
    )
    # All but mu, which changes what a Gradient makes of the statistics, not them.
    del asked["model"]["parameters"]["mu"]
    for side in ("input", "output"):
        del asked[side]["description"]
    renamed = _renamed(spec, match) if match else {}
    parts = {"dataset": dataset_version.hex(), **asked, **({"columns": renamed} if renamed else {})}
    return hashlib.sha256(to_canonical(parts)).digest()


def _renamed(spec: CampaignSpec, match: Match) -> dict[str, dict[str, str]]:
    """Columns that are not called as their fields."""
    sides = {
        "input": zip(spec.input.table.names, match.columns, strict=True),
        "output": zip(spec.output.table.names, match.outputs, strict=True),
    }
    others = {side: {field: column for field, column in pairs if field != column} for side, pairs in sides.items()}
    return {side: names for side, names in others.items() if names}


def _features(
    model: Model, encoder: RowEncoder, match: Match, frames: Iterable[pd.DataFrame]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    names = dict(zip(match.columns, encoder.input.names, strict=True))
    targets = dict(zip(match.outputs, encoder.output.names, strict=True))
    for frame in frames:
        rows = encoder.encode_inputs(frame[list(names)].rename(columns=names))
        answers = encoder.encode_targets(frame[list(targets)].rename(columns=targets))
        yield model.training_rows(rows, answers)
