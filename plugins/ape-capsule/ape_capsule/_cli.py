"""`ape capsule`."""

import click


@click.group()
def cli() -> None:
    """Keep the keys of Campaigns, score Gradients, deliver Models."""
