"""Answers one of halmos' SMT-LIB queries on stdout, as a solver's binary would: cvc5, with words read as integers.

Products and quotients of 256-bit words are out of reach bit by bit, and easy as integers (Zohar et al., "Bit-Precise
Reasoning via Int-Blasting", VMCAI 2022). `justification` decides what the goal needs first; without it two of the
queries had no answer in 20 s.
"""

import sys
from pathlib import Path

import cvc5

_OPTIONS = {"solve-bv-as-int": "sum", "decision": "justification", "produce-models": "true"}


def answer(query: Path) -> None:
    """Prints `sat` with a model, `unsat` or `unknown`. Raises: RuntimeError from cvc5 for what is no query."""
    solver = cvc5.Solver(cvc5.TermManager())
    for option, value in _OPTIONS.items():
        solver.setOption(option, value)
    parser = cvc5.InputParser(solver)
    parser.setFileInput(cvc5.InputLanguage.SMT_LIB_2_6, str(query))
    while not (command := parser.nextCommand()).isNull():
        said = command.invoke(solver, parser.getSymbolManager())
        sys.stdout.write(said)
        # What follows is the question for a model, and there is none.
        if said.strip() in ("unsat", "unknown"):
            return


if __name__ == "__main__":
    answer(Path(sys.argv[1]))
