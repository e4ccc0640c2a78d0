"""Money, accuracy and durations: exact conversion between text and the integers on chain."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from eth_utils.address import is_checksum_address, to_checksum_address

from sonar_core.base.errors import UsageError

#: Fixed-point one (WAD): an accuracy of 1.0 is 10^18 on chain.
WAD = 10**18

ZERO_ADDRESS = "0x" + "0" * 40

_NUMBER = re.compile(r"([0-9]{1,40})(?:\.([0-9]{1,40}))?")
_MONEY = re.compile(rf"({_NUMBER.pattern})\s*([A-Za-z][\w.\-]{{0,41}}|0x[0-9a-fA-F]{{40}})")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_DURATION_PART = re.compile(rf"\s*({_NUMBER.pattern})\s*([a-z]+)\s*,?")
_SECONDS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hour", "hours"), 3_600),
    **dict.fromkeys(("d", "day", "days"), 86_400),
    **dict.fromkeys(("w", "week", "weeks"), 604_800),
}
#: Longest duration, in seconds: the contracts store 32 bits.
LONGEST_SECONDS = 2**32 - 1


@dataclass(frozen=True, slots=True, order=True)
class Currency:
    """A currency: the chain's coin or an ERC-20.

    Attributes:
        address: the ERC-20's address, or the zero address for the coin.
        symbol: its name in texts.
        decimals: number of decimal places of the smallest unit.
    """

    address: str
    symbol: str
    decimals: int


#: The chain's coin.
COIN = Currency(ZERO_ADDRESS, "ether", 18)
_COIN_UNITS = {"ether": 18, "eth": 18, "gwei": 9, "wei": 0}


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount of a currency; `units` counts its smallest unit.

    >>> str(Money(5 * 10**17, COIN))
    '0.5 ether'
    """

    units: int
    currency: Currency

    def __str__(self) -> str:
        return format_money(self.units, self.currency)

    @property
    def value(self) -> Decimal:
        """The amount in whole units of the currency, exactly."""
        return Decimal(f"{self.units}e-{self.currency.decimals}")


def money_of(units: int, currency: str, tokens: Iterable[Currency] = ()) -> Money:
    """An amount in a currency that is given by its address; of an unknown ERC-20 in smallest units.

    >>> str(money_of(5, "0x" + "11" * 20))
    '5 smallest units of 0x1111111111111111111111111111111111111111'
    """
    known = {one.address: one for one in (COIN, *tokens)}
    return Money(units, known.get(currency, Currency(currency, f"smallest units of {currency}", 0)))


def parse_address(value: str) -> str:
    """The address of an account or a contract, checksummed (EIP-55).

    Raises:
        UsageError: not 0x and 40 hex digits, or of mixed case with a wrong checksum: a digit was mistyped.

    >>> parse_address("0x" + "ab" * 20)
    '0xABaBaBaBABabABabAbAbABAbABabababaBaBABaB'
    """
    if not isinstance(value, str) or not _ADDRESS.fullmatch(value):
        raise UsageError(f"{value!r:.60} is no address: write 0x and 40 hex digits")
    digits = value[2:]
    if digits not in (digits.lower(), digits.upper()) and not is_checksum_address(value):
        raise UsageError(f"the address {value} has a wrong checksum (EIP-55): a digit was mistyped")
    return str(to_checksum_address(value))


def parse_money(value: str | int, tokens: Iterable[Currency] = ()) -> tuple[int, str]:
    """Parses an amount, exactly.

    Args:
        value: an integer (smallest units of the coin), or a text such as "0.5 ether", "20 gwei",
            "1000 USDC" or "1000 0x...", where the ERC-20 is one of `tokens`.
        tokens: the known ERC-20s.

    Returns:
        The amount in smallest units, and the currency's address.

    Raises:
        UsageError: not an amount, an unknown currency, or more decimal places than the currency has.

    >>> parse_money("0.5 ether")
    (500000000000000000, '0x0000000000000000000000000000000000000000')
    """
    if isinstance(value, int) and not isinstance(value, bool):
        if value < 0:
            raise UsageError(f"{value} is negative: an amount of money is 0 or more")
        return value, ZERO_ADDRESS
    match = _MONEY.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise UsageError(f"{value!r} is not an amount of money: write a number and a unit, such as '0.5 ether'")
    number, unit = match[1], match[4]
    address, decimals = _currency(unit, tokens)
    amount = Fraction(number) * 10**decimals
    if amount.denominator != 1:
        raise UsageError(f"{value!r} has more than the {decimals} decimal places of {unit}")
    return amount.numerator, address


def _currency(unit: str, tokens: Iterable[Currency]) -> tuple[str, int]:
    if unit.lower() in _COIN_UNITS:
        return ZERO_ADDRESS, _COIN_UNITS[unit.lower()]
    known = list(tokens)
    named = [token for token in known if unit.lower() in (token.symbol.lower(), token.address.lower())]
    if len(named) == 1:
        return named[0].address, named[0].decimals
    if named:
        raise UsageError(f"more than one known ERC-20 has the symbol {unit!r}: give its address")
    names = ", ".join(["ether", "gwei", "wei", *(token.symbol for token in known)])
    raise UsageError(f"{unit!r} is not a known currency: use one of {names}, or name the ERC-20 in ape-config.yaml")


def currency_at(address: str, tokens: Iterable[Currency]) -> Currency:
    """The currency of an address: the coin, one of `tokens`, or an unknown ERC-20, counted in smallest units."""
    known = {currency.address.lower(): currency for currency in (COIN, *tokens)}
    return known.get(address.lower()) or Currency(address, f"smallest units of {address}", 0)


def format_money(amount: int, currency: Currency = COIN) -> str:
    """Formats an amount of smallest units, exactly; `parse_money` is the inverse.

    >>> format_money(1_500_000, Currency("0x" + "11" * 20, "USDC", 6))
    '1.5 USDC'
    """
    sign = "-" if amount < 0 else ""
    whole, part = divmod(abs(amount), 10**currency.decimals)
    decimals = str(part).rjust(currency.decimals, "0").rstrip("0") if part else ""
    return f"{sign}{whole}{'.' if decimals else ''}{decimals} {currency.symbol}"


def counted(number: int, noun: str) -> str:
    """A number with its noun, singular or plural (with "s").

    >>> counted(1, "Gradient"), counted(2, "Gradient")
    ('1 Gradient', '2 Gradients')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def to_wad(accuracy: Decimal | float | int | str) -> int:
    """Converts an accuracy in [0, 1] to WAD, exactly; a float counts as its shortest decimal.

    Raises:
        UsageError: not a number, outside [0, 1], or finer than 18 decimal places.

    >>> to_wad(0.97)
    970000000000000000
    """
    try:
        number = Decimal(str(accuracy))
    except InvalidOperation:
        raise UsageError(f"{accuracy!r} is not a number in [0, 1]") from None
    if not number.is_finite() or not 0 <= number <= 1:
        raise UsageError(f"{accuracy!r} is not an accuracy: it must be in [0, 1], where 1.0 means no errors")
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -1000:
        raise UsageError(f"{accuracy!r} has more than 18 decimal places")
    wad = Fraction(number) * WAD
    if wad.denominator != 1:
        raise UsageError(f"{accuracy!r} has more than 18 decimal places")
    return wad.numerator


def from_wad(wad: int) -> Decimal:
    """Converts WAD to an accuracy, exactly.

    >>> from_wad(25 * 10**16)
    Decimal('0.25')
    """
    return Decimal(wad).scaleb(-18).normalize() if wad else Decimal(0)


def parse_duration(value: str | int | timedelta) -> int:
    """Parses a duration; whole seconds, 0 to 2^32 - 1.

    Args:
        value: seconds, a timedelta, or a text such as "2 days", "1 hour 30 min" or "90s".

    Raises:
        UsageError: not a duration, not whole seconds, negative, or too long for the contracts.

    >>> parse_duration("1 hour 30 min")
    5400
    """
    seconds = _seconds(value)
    if seconds.denominator != 1 or not 0 <= seconds <= LONGEST_SECONDS:
        raise UsageError(f"{value!r} is not a whole number of seconds between 0 and {LONGEST_SECONDS}")
    return seconds.numerator


def format_duration(seconds: int) -> str:
    """Whole seconds as people write them, exactly; `parse_duration` reads it back.

    >>> format_duration(93_600)
    '1 day 2 hours'
    """
    parts = []
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        count, seconds = divmod(seconds, length)
        if count:
            parts.append(counted(count, unit))
    return " ".join(parts) or "0 seconds"


def _seconds(value: str | int | timedelta) -> Fraction:
    if isinstance(value, timedelta):
        return Fraction(value // timedelta(microseconds=1), 1_000_000)
    if isinstance(value, int) and not isinstance(value, bool):
        return Fraction(value)
    total, position = Fraction(0), 0
    text = value.strip().lower() if isinstance(value, str) else ""
    while position < len(text) and (part := _DURATION_PART.match(text, position)) and part[4] in _SECONDS:
        total += Fraction(part[1]) * _SECONDS[part[4]]
        position = part.end()
    if not text or position < len(text):
        raise UsageError(f"{value!r} is not a duration: write a number and a unit, such as '2 days' or '90 min'")
    return total
