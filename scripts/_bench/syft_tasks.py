"""Syft's side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from phe import PaillierPrivateKey, PaillierPublicKey

from scripts._bench.data import model_of, statistics_of
from syft.nn import FixedPoint, Model, proximal_map
from syft.paillier import EncryptedTensor, PrivateContext, PublicContext

_Task = Callable[[], object]

_NUMBERS, _SQUARINGS = 1024, 400


def capsule(of: Mapping[str, Any]) -> PrivateContext:
    """The Campaign's key pair."""
    key = PaillierPublicKey(of["p"] * of["q"])
    return PrivateContext(PaillierPrivateKey(key, of["p"], of["q"]), threads=of.get("threads"))


def mine(of: Mapping[str, Any]) -> PublicContext:
    """What a Mine has of it."""
    return PublicContext(PaillierPublicKey(of["p"] * of["q"]), threads=of.get("threads"))


def head(of: Mapping[str, Any], context: PublicContext) -> tuple[Model, EncryptedTensor]:
    """A Model with fresh weights, and these encrypted."""
    model = model_of(of["data"])
    model.fixed_point = FixedPoint(gradient_bits=of.get("bits", model.fixed_point.gradient_bits))
    return model, context.encrypt(model.weights_, model.fixed_point.packing(context.n_bits, model.shape))


def _round(of: Mapping[str, Any]) -> _Task:
    """From local statistics to a published Gradient; `cached` leaves out what a Mine does once a data set."""
    context = mine(of)
    model, weights = head(of, context)
    statistics = statistics_of(of["data"])
    made = model.gradient_map(statistics)
    if of.get("cached"):
        return lambda: made.delta(weights, model.fixed_point)
    return lambda: model.gradient_map(statistics).delta(weights, model.fixed_point)


def _product(of: Mapping[str, Any]) -> _Task:
    context = mine(of)
    model, weights = head(of, context)
    matrix = proximal_map(statistics_of(of["data"]), model.mu, model.fixed_point.gradient_bits).matrix
    return lambda: matrix @ weights


def _multiply(of: Mapping[str, Any]) -> _Task:
    """Squarings in registers, of numbers that fit a core's own cache: nothing that threads could share."""
    context = mine(of)
    pool = context.ring.load(range(2, 2 + _NUMBERS))

    def square(part: slice) -> None:
        context.ring.square(pool[part], _SQUARINGS)

    def task() -> None:
        context.ring.thread_pool.map_slices(square, _NUMBERS, context.ring.lanes)

    return task


def _encrypt(of: Mapping[str, Any]) -> _Task:
    context = capsule(of)
    model, _ = head(of, context)
    packing = model.fixed_point.packing(context.n_bits, model.shape)
    return lambda: context.encrypt(model.weights_, packing)


def _decrypt(of: Mapping[str, Any]) -> _Task:
    context = capsule(of)
    _, weights = head(of, context)
    return lambda: context.decrypt(weights)


TASKS = {"round": _round, "product": _product, "multiply": _multiply, "encrypt": _encrypt, "decrypt": _decrypt}
