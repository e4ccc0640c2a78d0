"""A transaction that waits is replaced by the same one with higher fees, and counted once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sonar_core.chain.gas_fees import GasFees

ACCOUNT = "0x" + "11" * 20
GWEI = 10**9


@given(st.integers(0, 10**12), st.integers(0, 10**12), st.integers(0, 10**12), st.integers(0, 2 * 10**12))
def test_a_replacement_is_one_that_nodes_take(most: int, tip: int, asked: int, highest: int) -> None:
    tip = min(tip, most)
    raised = GasFees(most, tip).raised(asked, highest)
    if raised is None:
        assert max(most * 5 // 4, asked) + 1 > highest
        return
    assert asked <= raised.most <= highest
    assert raised.most * 8 >= most * 9
    assert raised.tip * 8 >= tip * 9
    assert raised.most > most
    assert tip <= raised.tip <= raised.most
