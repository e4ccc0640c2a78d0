"""Puts Sonar and its CapsuleRegistry on a network, and records where: `ape run deploy --network ... --account ...`."""

import ape
import click
from ape.cli import ConnectedProviderCommand, account_option

from ape_sonar.chain import NoContractError, SonarChain
from ape_sonar.config import settings
from ape_sonar.contract_errors import ContractError
from ape_sonar.deployments import Deployment, DeploymentUnknownError, find_deployment, record_deployment
from ape_sonar.errors import FormatError, cli_errors


@click.command(cls=ConnectedProviderCommand)
@account_option()
@click.option("--again", is_flag=True, help="Deploy anew although a living deployment is recorded.")
@cli_errors()
def cli(account, provider, again):
    """Deploy both contracts; a living deployment that is recorded is kept."""
    home = settings().home_folder
    recorded = None if again else _living(provider, home)
    if recorded:
        click.echo(f"Sonar stands at {recorded.sonar} already; --again deploys another one.")
        return
    block = provider.get_block("latest").number
    registry = account.deploy(ape.project.CapsuleRegistry)
    sonar = account.deploy(ape.project.Sonar, registry)
    path = record_deployment(home, Deployment(provider.chain_id, sonar.address, registry.address, block))
    click.echo(f"Sonar {sonar.address} with registry {registry.address}: recorded in {path}.")


def _living(provider, home):
    """The recorded deployment, if its contracts are still there: a local chain forgets."""
    try:
        recorded = find_deployment(home, provider.chain_id)
    except DeploymentUnknownError:
        return None
    try:
        registry = SonarChain(recorded.sonar, provider=provider).registry_address
    except (NoContractError, ContractError, FormatError):
        return None
    return recorded if registry == recorded.registry else None
