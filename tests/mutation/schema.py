"""Many mutants in one compilation: each stands beside what it replaces, and a number in the code says which one acts.

Mutant schemata (Untch, Offutt and Harrold, "Mutation analysis using mutant schemata", ISSTA 1993). The number is a
constant of 32 bytes that is replaced in the compiled code, so that nothing of the contracts' state or calls changes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from tests.mutation.mutants import Mutant, Span

#: A push of 32 bytes that the compiler leaves as it is; no mutant has this number.
SWITCH = 0xB57A7C4E_19D3F06B_8E2C41AF_70D9351E_C6F80B94_2D57EA13_9B6E08D7_4F1CA265
_NAME = "MUTANT_AT_WORK"


def schema(source: str, numbered: Sequence[tuple[int, Mutant]]) -> str:
    """A file with all these mutants of it, each asleep until `awake` names its number."""
    raw = source.encode()
    at: defaultdict[Span, list[tuple[int, Mutant]]] = defaultdict(list)
    for number, mutant in numbered:
        assert mutant.scope is not None
        at[mutant.scope].append((number, mutant))
    # Outer scopes first where they begin together.
    scopes = sorted(at, key=lambda span: (span[0], -span[1]))
    text, rest = _rendered(raw, 0, len(raw), scopes, at)
    assert not rest
    return f"{text.decode()}\nuint256 constant {_NAME} = {SWITCH:#066x};\n"


def awake(code: str, number: int) -> str:
    """Code in hex in which this mutant acts; 0: none."""
    return code.replace(f"{SWITCH:064x}", f"{number:064x}")


def _rendered(
    raw: bytes, start: int, end: int, scopes: list[Span], at: dict[Span, list[tuple[int, Mutant]]]
) -> tuple[bytes, list[Span]]:
    """The text from start to end with the scopes inside of it written out, and the scopes after it."""
    parts = []
    while scopes and scopes[0][1] <= end:
        (inner_start, inner_end), scopes = scopes[0], scopes[1:]
        parts.append(raw[start:inner_start])
        text, scopes = _rendered(raw, inner_start, inner_end, scopes, at)
        for number, mutant in at[inner_start, inner_end]:
            wrong = mutant.applied_to(raw, inner_start, inner_end)
            choice = f"{_NAME} == {number}".encode()
            if mutant.in_statement:
                text = b"{ if (" + choice + b") { " + wrong + b" } else { " + text + b" } }"
            else:
                text = b"(" + choice + b" ? (" + wrong + b") : (" + text + b"))"
        parts.append(text)
        start = inner_end
    return b"".join(parts) + raw[start:end], scopes
