"""Mutants compiled, many at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue

from tests.mutation.compiler import Compiler, CompilerError
from tests.mutation.mutants import Mutant, mutants_of
from tests.mutation.schema import awake, schema

#: Mutants in one compilation. More make the contract slow to run, fewer are slow to compile.
_AT_ONCE = 110
_COMPILERS = 2


@dataclass(frozen=True)
class Compiled:
    """Contracts' creation code in hex, in which the mutant of this number can be woken."""

    codes: dict[str, str]
    number: int

    def creation(self) -> dict[str, str]:
        return {name: awake(code, self.number) for name, code in self.codes.items()}

    def original(self) -> dict[str, str]:
        """With no mutant awake."""
        return {name: awake(code, 0) for name, code in self.codes.items()}


#: Functions of Sonar that hold, reckon or pay money, beside the libraries that do.
_MONEY = {
    *(
        "refund",
        "collectBond",
        "collectScoringFees",
        "claim",
        "reclaimScoringFees",
        "reclaimVoidedScoringFees",
        "compensate",
    ),
    *("convict", "refundable", "earned", "_refundable", "_claimOne", "_reclaim", "_takeDigest", "_divideBond"),
    *("_earned", "_spent", "_settle", "_requireClaimsOpen", "_claimsOpenAt"),
}


def money_first(mutant: Mutant) -> tuple[bool, bool]:
    """A run cut short has told of the money: of `Payout` and `Currency`, and of the functions that pay."""
    return not mutant.file.endswith(("Payout.sol", "Currency.sol", "Digest.sol")), mutant.function not in _MONEY


class Workshop:
    """The mutants there are, and warm compilers for them. Close it."""

    def __init__(self) -> None:
        self._compilers = [Compiler() for _ in range(_COMPILERS)]
        self._free: SimpleQueue[Compiler] = SimpleQueue()
        for compiler in self._compilers:
            self._free.put(compiler)
        self._first = self._compilers[0]
        self.mutants = [
            one
            for file, tree in self._first.trees().items()
            for one in mutants_of(file, self._first.source(file), tree)
        ]

    def close(self) -> None:
        for compiler in self._compilers:
            compiler.close()

    def original(self) -> dict[str, str]:
        """The creation code of the contracts as they are. Raises CompilerError."""
        codes = self._first.compile({})
        if codes is None:
            raise CompilerError("the unchanged contracts do not compile")
        return codes

    def compile(self, mutants: list[Mutant]) -> dict[str, Compiled]:
        """Mutant's id -> its code; without those that the compiler refuses."""
        together = [one for one in mutants if one.scope is not None]
        groups = [together[start : start + _AT_ONCE] for start in range(0, len(together), _AT_ONCE)]
        groups += [[one] for one in mutants if one.scope is None]
        made: dict[str, Compiled] = {}
        with ThreadPoolExecutor(_COMPILERS) as pool:
            for part in pool.map(self._of_group, groups):
                made |= part
        return made

    def _of_group(self, group: list[Mutant]) -> dict[str, Compiled]:
        compiler = self._free.get()
        try:
            return dict(_compiled(compiler, group))
        finally:
            self._free.put(compiler)


def _compiled(compiler: Compiler, group: list[Mutant]) -> Iterator[tuple[str, Compiled]]:
    """Halves the group where it is refused, until the one is found that no switch fits around."""
    if len(group) == 1:
        codes = compiler.compile(_alone(compiler, group[0]))
        if codes is not None:
            yield group[0].id, Compiled(codes, 0)
        return
    files: defaultdict[str, list[tuple[int, Mutant]]] = defaultdict(list)
    for number, mutant in enumerate(group, 1):
        files[mutant.file].append((number, mutant))
    codes = compiler.compile({file: schema(compiler.source(file), some) for file, some in files.items()})
    if codes is None:
        half = len(group) // 2
        for part in (group[:half], group[half:]):
            yield from _compiled(compiler, part)
        return
    for number, mutant in enumerate(group, 1):
        yield mutant.id, Compiled(codes, number)


def _alone(compiler: Compiler, mutant: Mutant) -> dict[str, str]:
    return {mutant.file: mutant.applied(compiler.source(mutant.file))}
