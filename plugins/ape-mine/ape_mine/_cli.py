"""`ape mine`."""

import click


@click.group()
def cli() -> None:
    """Train Models on rows that never leave this machine, and be paid for it."""
