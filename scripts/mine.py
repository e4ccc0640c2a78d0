"""The event-listening Miner: `ape run mine` is `ape mine run` under the name that Ape projects expect."""

import click

from ape_mine._cli import cli as mine

cli = mine.get_command(click.Context(mine), "run")
