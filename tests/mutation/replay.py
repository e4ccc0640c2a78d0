"""A test's history against a mutant's code, by revm: a hundred times as fast as the test itself.

Where every answer is the same as the original's, the test cannot tell the two apart: it acts on nothing but answers.
Gas is left out: a transaction costs nothing here, and what it used is not compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pyrevm import EVM, BlockEnv, CfgEnv, Env

from tests.mutation.history import Answer, HistoryError, Kind, Step

#: Code that nothing optimised, with mutants asleep in it, is larger than EIP-170 and EIP-3860 allow.
LARGEST_CODE = 2**20
#: Of Ape's network for tests.
_CHAIN = 1337
_REVERT = re.compile(r"^Revert \{ gas_used: \d+, output: 0x([0-9a-f]*) \}$")
_HALT = re.compile(r"gas_used: \d+")


def answers(steps: list[Step], funds: dict[str, int], codes: dict[str, str]) -> Iterator[Any]:
    """What a chain answers to each step, on which these accounts own this much and these contracts have this code."""
    evm = EVM(Env(cfg=CfgEnv(chain_id=_CHAIN, limit_contract_code_size=LARGEST_CODE)), spec_id="PRAGUE")
    for account, balance in funds.items():
        evm.set_balance(account, balance)
    marks = []
    for step in steps:
        match step.kind:
            case Kind.MARK:
                marks.append(evm.snapshot())
                yield None
            case Kind.BACK:
                evm.revert(marks.pop())
                yield None
            case Kind.BALANCE:
                yield evm.get_balance(step.to)
            case Kind.CALL:
                checkpoint = evm.snapshot()
                yield _executed(evm, step, codes)
                evm.revert(checkpoint)
            case Kind.SEND:
                if not step.to:
                    # revm's own calls leave the nonce as it is, by which the contract's address goes.
                    for _ in range(step.nonce - evm.basic(step.caller).nonce):
                        evm.deploy(step.caller, b"")
                yield _executed(evm, step, codes)


def check(history: list[tuple[Step, Answer | None]], funds: dict[str, int], codes: dict[str, str]) -> None:
    """That these answers are given again, but for the gas. Raises HistoryError."""
    steps = [step for step, _ in history]
    for (step, given), again in zip(history, answers(steps, funds, codes), strict=True):
        # Of a creation py-evm gives the code, revm the address; a wrong one shows in what is asked of it.
        of_code = given is not None and given[0] and not step.to
        if given is not None and (given[0::2] != again[0::2] if of_code else given != again):
            raise HistoryError(f"{step} is answered {again} by revm and {given} by py-evm")


def _executed(evm: EVM, step: Step, codes: dict[str, str]) -> Answer:
    evm.set_block_env(BlockEnv(number=step.number, timestamp=step.time, basefee=0))
    evm.reset_transient_storage()
    data = bytes.fromhex(codes.get(step.contract, "") + step.data)
    try:
        if step.to:
            output = evm.message_call(step.caller, step.to, data, step.value, step.gas)
        else:
            output = bytes.fromhex(evm.deploy(step.caller, data, step.value, step.gas)[2:])
    except RuntimeError as error:
        return _failed(str(error))
    events = evm.result.logs
    return True, output.hex(), tuple((log.address.lower(), tuple(log.topics), log.data[1].hex()) for log in events)


def _failed(message: str) -> Answer:
    reverted = _REVERT.match(message)
    return False, reverted[1] if reverted else _HALT.sub("", message), ()
