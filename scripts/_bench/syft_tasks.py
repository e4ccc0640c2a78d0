"""Tasks by Syft."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from phe import PaillierPrivateKey, PaillierPublicKey

from scripts._bench.data import model_of, statistics_of
from syft.nn import FixedPoint, Model, proximal_map
from syft.paillier import EncryptedTensor, PrivateContext, PublicContext

_Task = Callable[[], object]

_NUMBERS, _SQUARINGS = 1024, 400


def capsule(arguments: Mapping[str, Any]) -> PrivateContext:
    """A Capsule's context, with the key pair."""
    key = PaillierPublicKey(arguments["p"] * arguments["q"])
    return PrivateContext(PaillierPrivateKey(key, arguments["p"], arguments["q"]), threads=arguments.get("threads"))


def mine(arguments: Mapping[str, Any]) -> PublicContext:
    """A Mine's context, with the public key."""
    return PublicContext(PaillierPublicKey(arguments["p"] * arguments["q"]), threads=arguments.get("threads"))


def head(arguments: Mapping[str, Any], context: PublicContext) -> tuple[Model, EncryptedTensor]:
    """A Model with initial weights, and its weights encrypted."""
    model = model_of(arguments["data"])
    model.fixed_point = FixedPoint(gradient_bits=arguments.get("bits", model.fixed_point.gradient_bits))
    return model, model.encrypt(context).weights_  # type: ignore[return-value]  # encrypted just now


def _round(arguments: Mapping[str, Any]) -> _Task:
    """From local statistics to a published Gradient; with `cached`, from the affine map, which is computed once."""
    context = mine(arguments)
    model, weights = head(arguments, context)
    statistics = statistics_of(arguments["data"])
    affine_map = model.gradient_map(statistics)
    if arguments.get("cached"):
        return lambda: affine_map.delta(weights, model.fixed_point)
    return lambda: model.gradient_map(statistics).delta(weights, model.fixed_point)


def _product(arguments: Mapping[str, Any]) -> _Task:
    context = mine(arguments)
    model, weights = head(arguments, context)
    matrix = proximal_map(statistics_of(arguments["data"]), model.mu, model.fixed_point.gradient_bits).matrix
    return lambda: matrix @ weights


def _multiply(arguments: Mapping[str, Any]) -> _Task:
    """Bare multiplications: squarings in registers, of numbers that fit a core's own cache."""
    context = mine(arguments)
    pool = context.ring.load(range(2, 2 + _NUMBERS))

    def square(part: slice) -> None:
        context.ring.square(pool[part], _SQUARINGS)

    def task() -> None:
        context.ring.thread_pool.map_slices(square, _NUMBERS, context.ring.lanes)

    return task


def _encrypt(arguments: Mapping[str, Any]) -> _Task:
    context = capsule(arguments)
    model, _ = head(arguments, context)
    return lambda: model.encrypt(context)


def _decrypt(arguments: Mapping[str, Any]) -> _Task:
    context = capsule(arguments)
    _, weights = head(arguments, context)
    return lambda: context.decrypt(weights)


TASKS = {"round": _round, "product": _product, "multiply": _multiply, "encrypt": _encrypt, "decrypt": _decrypt}
