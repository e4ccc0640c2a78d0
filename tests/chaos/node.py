"""A fast node: its answers about a block are cached.

py-evm takes milliseconds for every block that it is asked for, and parties that start again at each of their steps ask
for all of them. Answers of one head of the chain do not change while it is the head, and a block's never do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eth.constants import BLANK_ROOT_HASH
from web3.manager import RequestManager

#: Answers that change nothing are the only ones there are: transactions reach the chain by another way.
_BLOCK, _LOGS = "eth_getBlockByNumber", "eth_getLogs"
_Ask = Callable[..., Any]


class Memory:
    """What a node answered, by what it was asked.

    Args:
        real: `RequestManager.request_blocking`.
    """

    def __init__(self, real: _Ask) -> None:
        self._real = real
        self._known: dict[Any, Any] = {}

    def ask(self, manager: RequestManager, method: str, params: Any, *formatters: Any) -> Any:
        chain = manager.provider.backend.chain  # type: ignore[attr-defined]
        if method == _LOGS and set(params[0]) == {"fromBlock", "toBlock", "address"}:
            return self._logs(chain, manager, params[0], formatters)
        number = _number(params[0]) if method == _BLOCK else None
        if number is not None and number < chain.header.block_number:
            about: Any = chain.chaindb.get_canonical_block_hash(number)
        else:
            about = chain.header.parent_hash, chain.header.timestamp
        return self._remembered((about, method, repr(params)), manager, method, params, formatters)

    def _logs(self, chain: Any, manager: RequestManager, query: Any, formatters: Any) -> list[Any]:
        """The logs of each block by itself; a block without transactions has none."""
        found: list[Any] = []
        first, last = _number(query["fromBlock"]), _number(query["toBlock"])
        assert first is not None
        assert last is not None
        for number in range(first, min(last, chain.header.block_number - 1) + 1):
            block_hash = chain.chaindb.get_canonical_block_hash(number)
            if chain.chaindb.get_block_header_by_hash(block_hash).transaction_root != BLANK_ROOT_HASH:
                asked = [{**query, "fromBlock": hex(number), "toBlock": hex(number)}]
                found += self._remembered((block_hash, _LOGS, repr(asked)), manager, _LOGS, asked, formatters)
        return found

    def _remembered(self, key: Any, manager: RequestManager, method: str, params: Any, formatters: Any) -> Any:
        if key not in self._known:
            self._known[key] = self._real(manager, method, params, *formatters)
        return self._known[key]


def _number(block: Any) -> int | None:
    if isinstance(block, int):
        return block
    return int(block, 16) if isinstance(block, str) and block.startswith("0x") else None
