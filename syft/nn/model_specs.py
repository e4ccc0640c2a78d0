"""Models from untrusted specs, which are validated before anything is built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from syft.errors import FeatureError, ModelSpecError
from syft.integers import is_integer_in
from syft.nn._class_weights import LARGEST_CLASS_WEIGHT
from syft.nn.classifier import Classifier
from syft.nn.estimators import MODELS
from syft.nn.feature_map import FeatureMap, check_layer
from syft.nn.fixed_point import DEFAULT_SCALES, ONE, FixedPoint
from syft.nn.layers import Tensors
from syft.nn.model import Model

_MOST_COLUMNS = 1 << 16


def check_spec(spec: Mapping[str, Any]) -> None:
    """Checks a Model's spec, {class, parameters, features}, without its tensors.

    Raises:
        ModelSpecError: an unknown class or parameter, or a parameter outside of its range.
        FeatureError: an unknown layer, or a layer with unknown parameters.
    """
    _model_class(spec)
    _parameters(spec)
    for index, layer in enumerate(_of_kind(spec["features"], Sequence, "features")):
        try:
            check_layer(_of_kind(layer, Mapping, "a layer"))
        except FeatureError as error:
            raise FeatureError(str(error), index) from None


def from_spec(spec: Mapping[str, Any], tensors: Tensors, fixed_point: FixedPoint = DEFAULT_SCALES) -> Model:
    """The Model that a spec describes, without weights.

    Args:
        spec: {class, parameters, features}, as `Model.to_spec` gives it.
        tensors: the frozen tensors by name.
        fixed_point: the public scales.

    Raises:
        ModelSpecError, FeatureError: the spec is not valid.
    """
    check_spec(spec)
    parameters = _parameters(spec)
    feature_map = FeatureMap.from_spec(parameters["inputs"], spec["features"], tensors)
    del parameters["inputs"]
    if "class_weight" in parameters:
        parameters["class_weight"] = {index: weight / ONE for index, weight in enumerate(parameters["class_weight"])}
    return _model_class(spec).from_feature_map(feature_map, fixed_point=fixed_point, **parameters)


def _model_class(spec: Mapping[str, Any]) -> type[Model]:
    if set(spec) != {"class", "parameters", "features"}:
        raise ModelSpecError(f"a Model's spec has class, parameters and features; got {', '.join(map(str, spec))}")
    name = spec["class"]
    if not isinstance(name, str) or name not in MODELS:
        raise ModelSpecError(f"unknown Model {name!r}: choose from {', '.join(MODELS)}")
    return MODELS[name]


def _parameters(spec: Mapping[str, Any]) -> dict[str, Any]:
    parameters = dict(_of_kind(spec["parameters"], Mapping, "parameters"))
    optional = {"class_weight"} if issubclass(_model_class(spec), Classifier) else set()
    if parameters.keys() - optional != {"inputs", "outputs", "mu"}:
        takes = "inputs, outputs and mu" + "".join(f", and optionally {name}" for name in optional)
        got = ", ".join(sorted(map(str, parameters)))
        raise ModelSpecError(f"the parameters of a {spec['class']} are {takes}; got {got}")
    for key in ("inputs", "outputs"):
        if not is_integer_in(parameters[key], 1, _MOST_COLUMNS):
            raise ModelSpecError(f"{key} must be an integer from 1 to {_MOST_COLUMNS}")
    mu = parameters["mu"]
    if not isinstance(mu, int | float) or isinstance(mu, bool) or not 0 < mu < 1e6:
        raise ModelSpecError("mu must be a positive number below 10^6")
    if "class_weight" in parameters:
        weights = _of_kind(parameters["class_weight"], Sequence, "class_weight")
        outputs, most = parameters["outputs"], LARGEST_CLASS_WEIGHT
        if len(weights) != outputs or not all(is_integer_in(weight, 1, most) for weight in weights):
            raise ModelSpecError(f"class_weight must be {outputs} integers from 1 to {most}")
    return {**parameters, "mu": float(mu)}


def _of_kind(value: Any, kind: type, what: str) -> Any:
    if not isinstance(value, kind) or isinstance(value, str | bytes):
        raise ModelSpecError(f"{what} must be a {kind.__name__.lower()}, not {value!r}")
    return value
