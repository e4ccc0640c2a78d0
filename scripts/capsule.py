"""The key oracle: `ape run capsule` is `ape capsule run` under the name that Ape projects expect."""

import click

from ape_capsule._cli import cli as capsule

cli = capsule.get_command(click.Context(capsule), "run")
