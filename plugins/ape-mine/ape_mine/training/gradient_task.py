"""From rows and an encrypted Model to a Gradient. Pure.

Local statistics of the rows give an affine map of the Model; the map gives the encrypted delta, which is re-randomised.
Only the re-randomised ciphertexts may leave the Mine.
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

#: Folds of the cross-validation that chooses mu, and the smallest number of rows per fold.
FOLDS = 5
LEAST_FOLD = 5
#: Features of the largest Model whose mu is chosen: it takes one eigendecomposition per fold.
MOST_VALIDATED = 2_048
#: Cells per chunk of features: bounds memory for any number of rows.
_CELLS_AT_ONCE = 1 << 22


@dataclass(frozen=True, slots=True)
class LocalResult:
    """Exact statistics of a Mine's own rows.

    Attributes:
        statistics: over all rows.
        mu: regularisation chosen by cross-validation; None if not asked for, or with too few rows or too many features.
    """

    statistics: LocalStatistics
    mu: float | None


def local_statistics(
    model: Model,
    encoder: RowEncoder,
    match: Match,
    frames: Iterable[pd.DataFrame],
    *,
    seed: bytes | None = None,
    executor: TaskExecutor | None = None,
) -> LocalResult:
    """Exact statistics of the rows for a Model, and mu by cross-validation if a seed is given.

    Args:
        model: the Campaign's, with or without weights.
        encoder: of the Campaign's Input and Output.
        match: the dataset's columns for the fields.
        frames: the rows, as from `Dataset.frames`.
        seed: of the random folds, the same for the same dataset; None for no mu.
        executor: computes the statistics of each chunk; None computes them in this process.

    Raises:
        RowError: a cell is not of its field's type; its message shows the cell, so it must not leave the Mine.
        StatisticsError: no rows.
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
    """Noisy statistics of the rows for a Model. Each call draws new noise and spends rho again.

    Args:
        model, encoder, match, frames, executor: as for `local_statistics`.
        clip: as for `row_bounds`.
        rho: upper bound of the privacy spent, in zCDP.

    Raises:
        RowError, StatisticsError, TaskExecutorError: as for `local_statistics`.
        PrivacyError: the noise for this rho cannot be drawn, or no bounds follow from the clip.
    """
    rows, bounds = _features(model, encoder, match, frames), row_bounds(model, encoder, clip)
    return Release.draw(rows, bounds, rho, executor=executor)


def gradient(
    model: Model, statistics: LocalStatistics, head: EncryptedTensor, mu: float | None = None
) -> EncryptedTensor:
    """The Gradient of the newest Model, re-randomised: its ciphertexts reveal nothing about how it was computed.

    Args:
        model: the Campaign's.
        statistics: of the Mine's rows, exact or noisy.
        head: the newest Model, under a context with the Mine's own re-randomiser.
        mu: chosen by the Mine's own rows, if known. The Campaign's mu is a lower bound: it limits how far Mines with
            different kinds of rows pull the Model apart, which no Mine sees in its own rows.

    Raises:
        CampaignUnusableError: the shapes of head and Model differ.
        StatisticsError: a weight would exceed the Campaign's bound, or no rows.
        SlotOverflowError: the head's slots are full until its Capsule rebases it.
    """
    if head.shape != model.shape:
        raise CampaignUnusableError(f"the head has shape {head.shape}, but the spec's Model has shape {model.shape}")
    return model.gradient_map(statistics, max(model.mu, mu or 0.0)).delta(head, model.fixed_point)


def rows_at_once(model: Model) -> int:
    """Rows per chunk, so that a chunk has at most `_CELLS_AT_ONCE` cells, but at least 64 rows."""
    inputs, features = model.inputs or 1, model.shape[0]
    return max(_CELLS_AT_ONCE // max(inputs, features), 64)


def statistics_key(spec: CampaignSpec, dataset_version: bytes, match: Match | None = None) -> bytes:
    """Identifier of local statistics, 32 bytes: equal for Campaigns that ask the same question of the same rows.

    Args:
        spec: of the Campaign.
        dataset_version: of the rows.
        match: the dataset's columns for the fields; None if all have the fields' names.
    """
    asked = spec.model_dump(
        mode="json", include={"input", "output", "texts", "architecture", "frozen"}, exclude_unset=True
    )
    # Without mu, which the statistics do not depend on.
    del asked["model"]["parameters"]["mu"]
    for side in ("input", "output"):
        del asked[side]["description"]
    renamed = _renamed(spec, match) if match else {}
    parts = {"dataset": dataset_version.hex(), **asked, **({"columns": renamed} if renamed else {})}
    return hashlib.sha256(to_canonical(parts)).digest()


def _renamed(spec: CampaignSpec, match: Match) -> dict[str, dict[str, str]]:
    """Fields whose column has another name, by side."""
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
