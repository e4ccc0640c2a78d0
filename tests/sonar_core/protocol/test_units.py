from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonar_core.base.errors import UsageError
from sonar_core.protocol.units import (
    COIN,
    WAD,
    ZERO_ADDRESS,
    Currency,
    format_money,
    from_wad,
    parse_address,
    parse_duration,
    parse_money,
    to_wad,
)

USDC = Currency("0x" + "11" * 20, "USDC", 6)
SHELL = Currency("0x" + "22" * 20, "SHELL", 0)


@pytest.mark.parametrize(
    ("text", "amount", "currency"),
    [
        ("1000 USDC", 1_000_000_000, USDC.address),
        ("1000usdc", 1_000_000_000, USDC.address),
        (f"2.5 {USDC.address}", 2_500_000, USDC.address),
        ("0.5 ether", 5 * 10**17, ZERO_ADDRESS),
        ("3 gwei", 3 * 10**9, ZERO_ADDRESS),
        ("7 wei", 7, ZERO_ADDRESS),
        ("12 SHELL", 12, SHELL.address),
        (42, 42, ZERO_ADDRESS),
        # More digits than Python's default decimal context keeps.
        ("340282366920938463463.374607431768211455 ether", 2**128 - 1, ZERO_ADDRESS),
    ],
)
def test_money_is_read_exactly(text: str | int, amount: int, currency: str) -> None:
    assert parse_money(text, [USDC, SHELL]) == (amount, currency)


@pytest.mark.parametrize(
    "text",
    [
        *("", "1000", "USDC", "-1 ether", "1e3 ether", "1,000 USDC", "1 DOGE", "0.0000001 USDC", "0.5 wei"),
        *("1.5 SHELL", "nan ether", "٣ ether", "1 ether x", "9" * 41 + " wei", -1, True, 1.5, None),
    ],
)
def test_what_is_no_amount_is_refused(text: object) -> None:
    with pytest.raises(UsageError):
        parse_money(text, [USDC, SHELL])  # type: ignore[arg-type]


def test_two_tokens_of_one_name_are_told_apart_by_address() -> None:
    twin = Currency("0x" + "33" * 20, "usdc", 18)
    with pytest.raises(UsageError, match="address"):
        parse_money("1 USDC", [USDC, twin])
    assert parse_money(f"1 {twin.address}", [USDC, twin]) == (10**18, twin.address)


@given(st.integers(0, 2**128 - 1), st.sampled_from([COIN, USDC, SHELL]))
def test_money_round_trips(amount: int, currency: Currency) -> None:
    assert parse_money(format_money(amount, currency), [USDC, SHELL]) == (amount, currency.address)


def test_money_reads_as_people_write_it() -> None:
    assert format_money(25_000_000, USDC) == "25 USDC"
    assert format_money(-1, USDC) == "-0.000001 USDC"
    assert format_money(0) == "0 ether"


@given(st.integers(0, WAD))
def test_accuracy_round_trips(wad: int) -> None:
    assert to_wad(from_wad(wad)) == wad
    assert to_wad(str(from_wad(wad))) == wad
    assert Fraction(from_wad(wad)) == Fraction(wad, WAD)


@given(st.floats(0, 1, allow_subnormal=False))
def test_a_float_counts_as_its_shortest_decimal(accuracy: float) -> None:
    exact = Fraction(repr(accuracy)) * WAD
    if exact.denominator == 1:
        assert to_wad(accuracy) == exact
    else:
        with pytest.raises(UsageError, match="decimal places"):
            to_wad(accuracy)


@pytest.mark.parametrize(
    "accuracy", [-0.1, 1.01, "nan", "inf", "much", "1e-19", "1e-999999999", Decimal("0." + "1" * 19)]
)
def test_what_is_no_accuracy_is_refused(accuracy: object) -> None:
    with pytest.raises(UsageError):
        to_wad(accuracy)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2 days", 172_800),
        ("1 hour 30 min", 5_400),
        ("1h30m", 5_400),
        ("90s", 90),
        ("1.5 hours", 5_400),
        ("1 week, 1 day", 691_200),
        (7, 7),
        (timedelta(minutes=2), 120),
    ],
)
def test_durations(text: str | int | timedelta, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2",
        "days",
        "-1 day",
        "1 day tomorrow",
        "0.1 s",
        "200 years",
        "9999999 weeks",
        -1,
        None,
        True,
    ],
)
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(UsageError):
        parse_duration(text)  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [timedelta(microseconds=1), timedelta(seconds=-1)])
def test_durations_are_whole_seconds_from_zero_on(bad: timedelta) -> None:
    with pytest.raises(UsageError):
        parse_duration(bad)


CHECKSUMMED = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


@pytest.mark.parametrize("spelled", [CHECKSUMMED, CHECKSUMMED.lower()])
def test_an_address_is_checksummed(spelled: str) -> None:
    """The first example of EIP-55."""
    assert parse_address(spelled) == CHECKSUMMED


@pytest.mark.parametrize("wrong", ["", "0x12", CHECKSUMMED[2:], CHECKSUMMED.replace("a", "A", 1), "0x" + "g" * 40, 7])
def test_what_is_no_address_is_refused(wrong: Any) -> None:
    with pytest.raises(UsageError, match=r"no address|checksum"):
        parse_address(wrong)
