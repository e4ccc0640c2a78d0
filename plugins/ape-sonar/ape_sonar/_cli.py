"""`ape sonar`."""

import click


@click.group()
def cli() -> None:
    """Create Campaigns, follow them, fetch what they trained."""
