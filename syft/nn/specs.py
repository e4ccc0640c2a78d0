"""Models by description: what a Campaign spec says of one, checked before anything is made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from syft.errors import FeatureError, ModelSpecError
from syft.nn.classes import LARGEST_CLASS_WEIGHT, Classifier
from syft.nn.families import MODELS
from syft.nn.features import FeatureMap, check_step
from syft.nn.gradients import DEFAULT_SCALES, FixedPoint
from syft.nn.models import Model
from syft.nn.steps import ONE, Tensors
from syft.whole import is_whole

_MOST_COLUMNS = 1 << 16


def check_spec(spec: Mapping[str, Any]) -> None:
    """Checks a Model's description ({class, parameters, features}) without its tensors.

    Raises:
        ModelSpecError: an unknown class or parameter.
        FeatureError: an unknown step, or a step with unknown parameters.
    """
    _model_class(spec)
    _parameters(spec)
    for place, step in enumerate(_of_kind(spec["features"], Sequence, "features")):
        try:
            check_step(_of_kind(step, Mapping, "a feature step"))
        except FeatureError as error:
            raise FeatureError(str(error), place) from None


def from_spec(spec: Mapping[str, Any], tensors: Tensors, fixed_point: FixedPoint = DEFAULT_SCALES) -> Model:
    """The Model that a spec describes, without weights.

    Args:
        spec: {class, parameters, features}, as `Model.to_spec` gives it.
        tensors: the frozen tensors by name.
        fixed_point: the public scales.

    Raises:
        ModelSpecError, FeatureError: it describes none.
    """
    check_spec(spec)
    parameters = _parameters(spec)
    feature_map = FeatureMap.from_spec(parameters["inputs"], spec["features"], tensors)
    del parameters["inputs"]
    if "class_weight" in parameters:
        parameters["class_weight"] = {place: one / ONE for place, one in enumerate(parameters["class_weight"])}
    return _model_class(spec).described(feature_map, fixed_point=fixed_point, **parameters)


def _model_class(spec: Mapping[str, Any]) -> type[Model]:
    if set(spec) != {"class", "parameters", "features"}:
        raise ModelSpecError(f"a Model is described by class, parameters and features; got {', '.join(map(str, spec))}")
    name = spec["class"]
    if not isinstance(name, str) or name not in MODELS:
        raise ModelSpecError(f"unknown Model {name!r}: choose from {', '.join(MODELS)}")
    return MODELS[name]


def _parameters(spec: Mapping[str, Any]) -> dict[str, Any]:
    parameters = dict(_of_kind(spec["parameters"], Mapping, "parameters"))
    optional = {"class_weight"} if issubclass(_model_class(spec), Classifier) else set()
    if parameters.keys() - optional != {"inputs", "outputs", "mu"}:
        takes = "inputs, outputs and mu" + "".join(f", and may be {name}" for name in optional)
        got = ", ".join(sorted(map(str, parameters)))
        raise ModelSpecError(f"the parameters of a {spec['class']} are {takes}; got {got}")
    for key in ("inputs", "outputs"):
        if not is_whole(parameters[key], 1, _MOST_COLUMNS):
            raise ModelSpecError(f"{key} must be a whole number from 1 to {_MOST_COLUMNS}")
    mu = parameters["mu"]
    if not isinstance(mu, int | float) or isinstance(mu, bool) or not 0 < mu < 1e6:
        raise ModelSpecError("mu must be a positive number")
    if "class_weight" in parameters:
        weights = _of_kind(parameters["class_weight"], Sequence, "class_weight")
        if len(weights) != parameters["outputs"] or not all(is_whole(one, 1, LARGEST_CLASS_WEIGHT) for one in weights):
            raise ModelSpecError(
                f"class_weight must be {parameters['outputs']} whole numbers from 1 to {LARGEST_CLASS_WEIGHT}"
            )
    return {**parameters, "mu": float(mu)}


def _of_kind(value: Any, kind: type, what: str) -> Any:
    if not isinstance(value, kind) or isinstance(value, str | bytes):
        raise ModelSpecError(f"{what} must be a {kind.__name__.lower()}, not {value!r}")
    return value
