"""Powers of one fixed base, by a table made once."""

from __future__ import annotations

from gmpy2 import mpz

#: Bits of a digit: a byte, so that an exponent's bytes are its digits.
_WINDOW = 8


class FixedBasePower:
    """base^e mod modulus for many exponents e, each at one multiplication per window and no squaring.

    Brickell, Gordon, McCurley and Wilson, "Fast exponentiation with precomputation" (1992): the table holds
    base^(v 2^(w j)) for every window j and every digit v. For 1024-bit exponents and 8-bit windows it has 128 x 256
    entries, and a power costs 128 multiplications.

    Args:
        base, modulus: integers.
        exponent_bits: bits of the largest exponent.
    """

    def __init__(self, base: int, modulus: int, exponent_bits: int) -> None:
        self.exponent_bits = exponent_bits
        self._modulus = mpz(modulus)
        self._tables = self._build(mpz(base) % self._modulus)

    def _build(self, step: mpz) -> list[list[mpz]]:
        modulus, tables = self._modulus, []
        for _ in range(-(-self.exponent_bits // _WINDOW)):
            row, power = [mpz(1)], mpz(1)
            for _ in range((1 << _WINDOW) - 1):
                power = power * step % modulus
                row.append(power)
            tables.append(row)
            step = power * step % modulus
        return tables

    def power(self, exponent: int) -> mpz:
        """base^exponent mod modulus, for 0 <= exponent < 2^exponent_bits."""
        digits = exponent.to_bytes(len(self._tables), "little")
        modulus, result = self._modulus, mpz(1)
        for table, digit in zip(self._tables, digits, strict=True):
            if digit:
                result = result * table[digit] % modulus
        return result
