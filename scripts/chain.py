"""A local chain that lasts, with everything a newcomer needs on it: `make chain`, or `ape run chain`."""

from pathlib import Path

import ape
import click

from scripts._ape_log import ape_log_in
from scripts._local_chain import NAMES, LocalChain
from scripts._processes import NETWORK, LiveError, anvil, free_port
from sonar_core.cli.errors import cli_errors
from sonar_core.service.shutdown import until_asked_to_end

#: The port of the chain unless it is taken: the environment that was copied yesterday holds today.
_PORT = 18_545
#: Seconds for anvil to write its state.
_STOP_WITHIN = 60


@click.command()
@click.option("--port", type=click.IntRange(1, 65_535), help=f"Of the chain. Default: {_PORT}, or a free one.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".chain"),
    show_default=True,
    help="Accounts, blobs and the chain's state; delete it to begin anew.",
)
@cli_errors()
def cli(port, folder):
    """Run a chain with Sonar, funded accounts and a token until Ctrl-C; started again, it goes on where it was."""
    local = LocalChain(folder.absolute())
    with (
        local.only_one(),
        (local.folder / "anvil.log").open("wb") as log,
        anvil(log, port=port or free_port(_PORT), options=local.anvil_options()) as url,
    ):
        local.connect(url)
        with ape_log_in(local.folder / "ape.log"), ape.networks.parse_network_choice(NETWORK) as provider:
            deployed = local.furnish(provider, ape.accounts.test_accounts[0], ape.project)
            _explain(local, url, deployed)
            # Ape's provider has its own idea of Ctrl-C; the innermost handler is in force.
            with until_asked_to_end(_STOP_WITHIN) as stop:
                while not stop.wait(1):
                    if not provider.web3.is_connected():
                        raise LiveError(f"anvil ended by itself: see {local.folder / 'anvil.log'}")
    click.echo("The chain is stopped; its state is kept.")


def _explain(local, url, deployed):
    click.echo(f"The chain runs at {url} until Ctrl-C. In another terminal:\n")
    click.echo(f"  source {_short(local.environment)} NAME\n")
    click.echo(f"NAME is who you are there: {', '.join(NAMES)}. Each has 1,000 ether,")
    click.echo("1,000,000 USDX, a home of its own, and a keyfile whose passphrase is in the")
    click.echo("environment. All of it is worth nothing.\n")
    click.echo(f"  Sonar    {deployed.sonar}")
    click.echo(f"  USDX     {deployed.token} (ERC-20, a test token)")
    click.echo(f"  network  {NETWORK}")


def _short(path):
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
