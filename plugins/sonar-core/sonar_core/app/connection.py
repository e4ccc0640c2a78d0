"""Sonar as this machine knows it: what every service and command line starts from."""

from __future__ import annotations

from dataclasses import dataclass

from ape.api import AccountAPI
from eth_utils.address import to_checksum_address

from sonar_core.app.settings import settings
from sonar_core.chain.contracts import SonarContracts
from sonar_core.chain.deploy.records import DeploymentUnknownError, find_deployment
from sonar_core.protocol.units import Currency, parse_address


@dataclass(frozen=True, slots=True)
class Connection:
    """Sonar as this machine's settings know it, on the network that Ape is connected to.

    Attributes:
        chain: as the account, or to look only.
        start_block: of the contracts' deployment.
        confirmations: blocks on top of an event before it counts.
        tokens: the ERC-20s named in the settings.
    """

    chain: SonarContracts
    start_block: int
    confirmations: int
    tokens: tuple[Currency, ...]


def find_connection(account: AccountAPI | None, sonar: str | None = None) -> Connection:
    """Looks Sonar up.

    Args:
        account: who signs.
        sonar: address of the contract; else the one that was deployed from this home.

    Raises:
        UsageError: `sonar` is no address.
        DeploymentUnknownError: no contract is named, and none was recorded for the chain.
        ChainError: there is no such contract, or the node does not answer.
    """
    from ape.utils.basemodel import ManagerAccessMixin

    provider = ManagerAccessMixin.provider
    address, start_block = _contract(provider.chain_id, sonar and parse_address(sonar))
    chain = SonarContracts(address, account, provider, highest_fee=settings().highest_fee)
    confirmations = settings().confirmations
    if confirmations is None:
        confirmations = provider.network.required_confirmations
    named = settings().tokens.get(chain.chain_id, {}).items()
    tokens = (Currency(to_checksum_address(token), name, chain.token_decimals(token)) for name, token in named)
    return Connection(chain, start_block, confirmations, tuple(tokens))


def _contract(chain_id: int, sonar: str | None) -> tuple[str, int]:
    """Address and block of the contract; block 0 where only the address is known."""
    try:
        deployment = find_deployment(settings().home_folder, chain_id)
    except DeploymentUnknownError:
        if sonar is None:
            raise
        return sonar, 0
    known = sonar in (None, deployment.sonar)
    return (deployment.sonar, deployment.block) if known else (str(sonar), 0)
