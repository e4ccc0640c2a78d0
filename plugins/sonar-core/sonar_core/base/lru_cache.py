"""What was made last, and is dear to make again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

_Value = TypeVar("_Value")


class LRUCache(Generic[_Value]):
    """Keeps what was asked for last, by key, up to a number.

    Args:
        most: how many are kept, at least 1.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Hashable, _Value] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], _Value]) -> _Value:
        """What is kept by that key; made if nothing is."""
        value = self._values[key] = self._values.pop(key) if key in self._values else make()
        while len(self._values) > self._most:
            self._values.popitem(last=False)
        return value

    def forget(self, key: Hashable) -> None:
        """Lets go of what is kept by that key, if anything is."""
        self._values.pop(key, None)
