"""Puts Sonar and its CapsuleRegistry on a network, and records where: `ape run deploy --network ... --account ...`.

Their addresses follow from their code (CREATE2): whoever deploys this commit on any chain finds the same ones.
"""

from pathlib import Path

import ape
import click
from ape.cli import ConnectedProviderCommand, account_option

from scripts._standard_json import write_standard_json
from sonar_core.app.settings import settings
from sonar_core.base.errors import FormatError
from sonar_core.chain.contract_errors import ContractError
from sonar_core.chain.contracts import NoContractError, SonarContracts
from sonar_core.chain.deploy.code_verification import verify
from sonar_core.chain.deploy.deployer import Deployer
from sonar_core.chain.deploy.records import Deployment, DeploymentUnknownError, find_deployment, record_deployment
from sonar_core.chain.rpc import first_block_with_code
from sonar_core.cli.confirmation import Preview, confirmation_options
from sonar_core.cli.errors import cli_errors
from sonar_core.cli.signing import unlock
from sonar_core.protocol.units import COIN, Money


@click.command(cls=ConnectedProviderCommand)
@account_option()
@click.option("--again", is_flag=True, help="Deploy even if another commit's contracts are recorded and stand.")
@click.option(
    "--standard-json",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("build/sonar.standard.json"),
    show_default=True,
    help="Where the compiler's input goes, for explorers that verify sources.",
)
@confirmation_options
@cli_errors()
def cli(account, provider, again, standard_json, confirmation):
    """Deploy both contracts; what stands already is kept."""
    home, deployer = settings().home, Deployer(provider, account)
    recorded = _living(provider, home)
    if recorded and recorded.sonar != deployer.sonar and not again:
        click.echo(f"Sonar of another commit stands at {recorded.sonar} already; --again records this one instead.")
        return
    plan = deployer.plan()
    if confirmation.dry_run or not all(piece.stands for piece in plan):
        if not confirmation.ask(_preview(plan, deployer.gas_price())):
            return
        unlock(account)
        deployer.carry_out(plan)
    verify(provider.web3, deployer.sonar, deployer.registry)
    write_standard_json(ape.project, standard_json)
    if recorded and recorded.sonar == deployer.sonar:
        click.echo(f"Sonar stands at {recorded.sonar} already, from block {recorded.block} on.")
        return
    block = first_block_with_code(provider.web3, deployer.registry)
    path = record_deployment(home, Deployment(provider.chain_id, deployer.sonar, deployer.registry, block))
    click.echo(f"Sonar {deployer.sonar} with registry {deployer.registry}: recorded in {path}.")
    click.echo(f"For explorers: {standard_json}; Sonar's constructor takes {deployer.registry}.")


def _preview(plan, gas_price):
    """Address and cost of each contract."""
    rows, total = [], 0
    for piece in plan:
        cost = piece.gas * gas_price + piece.price
        total += cost
        todo = "stands" if piece.stands else f"to deploy, about {piece.gas:,} gas, {Money(cost, COIN)}"
        rows.append((piece.name, f"{piece.address}\n{todo}"))
    rows.append(("Gas fees", f"about {Money(total, COIN)}"))
    return Preview("Deploy Sonar", rows, ["Contracts are final: nobody can change or remove them."])


def _living(provider, home):
    """The recorded deployment, if its contracts are still there: a local chain forgets."""
    try:
        recorded = find_deployment(home, provider.chain_id)
    except DeploymentUnknownError:
        return None
    try:
        registry = SonarContracts(recorded.sonar, provider=provider).registry_address
    except (NoContractError, ContractError, FormatError):
        return None
    return recorded if registry == recorded.registry else None
