"""The least that a transaction can cost which leaves the same traces: what its storage, logs and calldata take alone.

Prices of the Prague fork: EIP-2028 and the Yellow Paper for calldata and logs, EIP-2929 for storage that is cold,
EIP-2200 and EIP-3529 for what is written and given back. Execution itself (reading, hashing, memory, checks) is left
out: no program that does the same can be below.
"""

from __future__ import annotations

from dataclasses import dataclass

TRANSACTION = 21_000
_ZERO_BYTE, _OTHER_BYTE = 4, 16
_FRESH_SLOT, _CHANGED_SLOT = 22_100, 5_000
_CLEARED_SLOT_REFUND, _LARGEST_REFUND = 4_800, 5
_LOG, _TOPIC, _LOG_BYTE = 375, 375, 8
_VALUE_TRANSFER, _CALL_STIPEND = 9_000, 2_300


@dataclass(frozen=True)
class Traces:
    """What a transaction leaves behind.

    Attributes:
        calldata: its input.
        fresh, changed, cleared: slots from zero, from one value to another, and to zero.
        logs: topics and bytes of each event.
        pays: whether the contract sends coin.
    """

    calldata: bytes
    fresh: int
    changed: int
    cleared: int
    logs: tuple[tuple[int, int], ...]
    pays: bool


def floor(traces: Traces) -> int:
    """Gas. The refund counts up to the fifth of all that EIP-3529 allows."""
    zeros = traces.calldata.count(0)
    data = zeros * _ZERO_BYTE + (len(traces.calldata) - zeros) * _OTHER_BYTE
    storage = traces.fresh * _FRESH_SLOT + (traces.changed + traces.cleared) * _CHANGED_SLOT
    logs = sum(_LOG + topics * _TOPIC + length * _LOG_BYTE for topics, length in traces.logs)
    transfer = _VALUE_TRANSFER - _CALL_STIPEND if traces.pays else 0
    spent = TRANSACTION + data + storage + logs + transfer
    return spent - min(traces.cleared * _CLEARED_SLOT_REFUND, spent // _LARGEST_REFUND)


def traces_of(web3, transaction: str, contract: str) -> Traces:
    """Traces of a transaction that a node has run, by its tracer of states before and after."""
    sent, receipt = web3.eth.get_transaction(transaction), web3.eth.get_transaction_receipt(transaction)
    tracer = {"tracer": "prestateTracer", "tracerConfig": {"diffMode": True}}
    answer = web3.provider.make_request("debug_traceTransaction", [receipt["transactionHash"].to_0x_hex(), tracer])
    before, after = answer["result"]["pre"], answer["result"]["post"]
    slots = [
        (int(before.get(place, {}).get("storage", {}).get(slot, "0x0"), 16), int(value, 16))
        for place, slot, value in _slots(before, after)
    ]
    return Traces(
        calldata=bytes(sent["input"]),
        fresh=sum(old == 0 and new != 0 for old, new in slots),
        changed=sum(old != 0 and new not in (0, old) for old, new in slots),
        cleared=sum(old != 0 and new == 0 for old, new in slots),
        logs=tuple((len(log["topics"]), len(log["data"])) for log in receipt["logs"]),
        pays=_falls(before.get(contract.lower(), {}), after.get(contract.lower(), {})),
    )


def _falls(before, after):
    """Whether a balance fell; the tracer's later state has it only where it changed."""
    return "balance" in after and int(after["balance"], 16) < int(before["balance"], 16)


def _slots(before, after):
    """Every slot of which either state speaks; one that is only in the earlier state was cleared."""
    places = set(before) | set(after)
    for place in places:
        old, new = (state.get(place, {}).get("storage", {}) for state in (before, after))
        for slot in set(old) | set(new):
            yield place, slot, new.get(slot, "0x0")
