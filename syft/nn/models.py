"""Models: one class before encryption, while encrypted and after delivery."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from numpy.typing import ArrayLike, NDArray

from syft.integers import IntegerTensor
from syft.nn.features import FeatureMap
from syft.nn.fixed_point import FixedPoint
from syft.nn.maps import AffineMap
from syft.nn.statistics import LocalStatistics
from syft.paillier.contexts import PrivateContext, PublicContext
from syft.paillier.packing import Packing
from syft.paillier.tensor import EncryptedTensor


class Model:
    """What all Models share. scikit-learn's manners: parameters in the constructor, learned values end in `_`.

    Attributes:
        features_: the frozen feature map (FeatureMap).
        weights_: IntegerTensor, or EncryptedTensor while encrypted; shape (features_.width, outputs_).
        outputs_: k.
        ranges_: (minimum, maximum) of each column of X, each of shape (m,); [0, 1] where nothing was learned.

    Two levels of methods: `fit`, `predict`, `score`, `gradient` take X in the user's own units, scale it by `ranges_` to
    [0, 2^10] and go on as the methods on integers do: `encode_rows`, `statistics`, `affine_map`, `score_rows`.
    """

    #: "accuracy" or "r2".
    metric: ClassVar[str]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's parameters."""

    def set_params(self, **params: Any) -> Self:
        """Changes parameters; raises ModelSpecError for a name that the constructor does not know."""

    # --- making

    def initialise(self, inputs: int, outputs: int | None = None, *, seed: int | None = None) -> Self:
        """Draws the frozen layers, and sets weights: zeros, or small ones drawn from `seed`.

        Args:
            inputs: m, integer columns of an encoded Input.
            outputs: k; default: the constructor's `classes`, or 1 for a number.
            seed: of the weights; the frozen layers have the constructor's seed.
        """

    def with_weights(self, weights: IntegerTensor | EncryptedTensor) -> Self:
        """A copy with other weights; raises TensorMismatchError where the shape does not fit."""

    def to_spec(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """{"class", "parameters", "features"} as JSON, and the frozen tensors that `features` names."""

    # --- on integers: what Mines and Capsules use

    def statistics(self, rows: NDArray[Any], targets: NDArray[Any]) -> LocalStatistics:
        """Local statistics of encoded rows, in chunks.

        Args:
            rows: int64 in [0, 2^10], shape (n, m).
            targets: int64, shape (n, 1): place of the class, or a number at 2^10.
        """

    def affine_map(self, statistics: LocalStatistics, *, mu: float | None = None) -> AffineMap:
        """The proximal map of the statistics with the Model's `mu`, or another."""

    def score_rows(self, rows: NDArray[Any], targets: NDArray[Any]) -> int:
        """The Model's metric on encoded rows, WAD.

        Raises:
            EncryptedModelError: the weights are encrypted.
        """

    def predict_rows(self, rows: NDArray[Any]) -> NDArray[Any]:
        """int64, shape (n,): places of classes; or (n, k) numbers at 2^10."""

    # --- in the user's units

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Trains in the clear, by the same integers as under encryption."""

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Labels or numbers in the user's units.

        Raises:
            EncryptedModelError: the weights are encrypted.
            NotFittedError: there are no weights.
        """

    def score(self, X: ArrayLike, y: ArrayLike) -> float:
        """The Model's metric, in [0, 1]."""

    def gradient(
        self, X: ArrayLike, y: ArrayLike, *, mu: float | None = None
    ) -> IntegerTensor | EncryptedTensor:
        """The change that these rows ask for; encrypted and re-randomised when the Model is."""

    def apply(self, delta: IntegerTensor | EncryptedTensor, step: int = 4) -> Self:
        """Adds step / 4 of a Gradient to the weights."""

    # --- encryption

    def encrypt(self, context: PublicContext, packing: Packing | None = None) -> Self:
        """The same Model with encrypted weights."""

    def decrypt(self, context: PrivateContext) -> Self:
        """The same Model with weights in the clear."""


class LinearRegression(Model):
    """Numbers from the Input's columns and a constant."""


class LinearClassifier(Model):
    """Classes from the Input's columns and a constant."""


class RandomFeatureRegressor(Model):
    """Numbers from a frozen random layer and a trained output layer."""


class RandomFeatureClassifier(Model):
    """Classes from a frozen random layer and a trained output layer."""


def from_spec(
    document: Mapping[str, Any],
    tensors: Mapping[str, NDArray[Any]],
    fixed_point: FixedPoint | None = None,
) -> Model:
    """A fresh Model, its weights zero, from a stranger's spec.

    Args:
        document: {"class", "parameters", "features"}.
        tensors: the frozen tensors that `features` names, and no others.
        fixed_point: the Campaign's scales.

    Raises:
        ModelSpecError, FeatureError: what is wrong, and where.
    """


def check_spec(document: Mapping[str, Any]) -> None:
    """Checks all of a spec that can be checked without its tensors.

    Raises:
        ModelSpecError, FeatureError: an unknown class, parameter or step, or a value out of range.
    """
