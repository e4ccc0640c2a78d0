"""Sonar on the network that Ape is connected to, as the settings know it: where each service and command begins."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from ape.api import AccountAPI, ProviderAPI

from sonar_core.app.settings import settings
from sonar_core.base.database import Database
from sonar_core.base.errors import FormatError, UsageError, one_line
from sonar_core.chain.bytecode import registry_code, sonar_code
from sonar_core.chain.contract_errors import ContractError
from sonar_core.chain.contracts import NoContractError, SonarContracts
from sonar_core.chain.deploy.create2 import create2_address
from sonar_core.chain.deploy.records import DeploymentUnknownError, find_deployment
from sonar_core.chain.event_log import EventLog
from sonar_core.chain.rpc import code_at, first_block_with_code
from sonar_core.protocol.units import Currency, parse_address

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Connection:
    """Sonar on one chain.

    Attributes:
        chain: the contracts, as an account or to read only.
        start_block: block of the contracts' deployment.
        confirmations: blocks on top of an event before it counts.
        tokens: the ERC-20 tokens of the settings.
        token_problems: a message for each entry of the setting `tokens` that cannot be used.
    """

    chain: SonarContracts
    start_block: int
    confirmations: int
    tokens: tuple[Currency, ...]
    token_problems: tuple[str, ...] = ()

    def event_log(self, journal: Database) -> EventLog:
        """The chain's events, as a journal keeps them. Raises WrongChainError, JournalDamagedError."""
        return EventLog(self.chain, journal, confirmations=self.confirmations, start_block=self.start_block)


def find_connection(account: AccountAPI | None, sonar: str | None = None) -> Connection:
    """Finds the Sonar contracts.

    Their address is the first of these that exists: `sonar`, the setting `contract` (SONAR_CONTRACT), the deployment
    recorded in the home, the address that follows from the contracts' code. An unusable entry of the setting `tokens`
    is logged and left out.

    Args:
        account: signer; None to read only.
        sonar: address of the contract.

    Raises:
        UsageError: an address is none.
        DeploymentUnknownError: no contract is named, recorded, or at the address that follows from its code.
        ChainError: the named contract does not exist, or the node does not answer.
    """
    from ape.utils.basemodel import ManagerAccessMixin

    provider, chosen = ManagerAccessMixin.provider, settings()
    address, start_block = _contract(provider, sonar or chosen.contract)
    chain = SonarContracts(address, account, provider, highest_fee=chosen.highest_fee)
    confirmations = chosen.confirmations
    if confirmations is None:
        confirmations = provider.network.required_confirmations
    tokens, problems = _tokens(chain, chosen.tokens.get(chain.chain_id, {}))
    for problem in problems:
        _log.warning("%s", problem)
    return Connection(chain, start_block, confirmations, tuple(tokens), tuple(problems))


def _contract(provider: ProviderAPI, named: str) -> tuple[str, int]:
    """Address of the contract, and the block of its deployment."""
    chosen, web3 = parse_address(named) if named else None, provider.web3
    try:
        recorded = find_deployment(settings().home, provider.chain_id)
    except DeploymentUnknownError as error:
        address = chosen or create2_address(sonar_code(create2_address(registry_code())))
        if chosen is None and not code_at(web3, address):
            raise DeploymentUnknownError(
                f"{error}; nothing is at {address} either, the address that follows from the contracts' code"
            ) from None
        return address, first_block_with_code(web3, address)
    if chosen in (None, recorded.sonar):
        return recorded.sonar, recorded.block
    return chosen, first_block_with_code(web3, chosen)


def _tokens(chain: SonarContracts, named: dict[str, str]) -> tuple[list[Currency], list[str]]:
    """The tokens that answer, and a message for each one that does not."""
    tokens, problems = [], []
    for symbol, text in named.items():
        try:
            address = parse_address(text)
            tokens.append(Currency(address, symbol, chain.token_decimals(address)))
        except (UsageError, NoContractError, ContractError, FormatError) as error:
            problems.append(f"setting sonar.tokens, chain {chain.chain_id}, {symbol}: {one_line(error)}")
    return tokens, problems
