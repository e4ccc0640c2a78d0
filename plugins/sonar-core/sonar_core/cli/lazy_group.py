"""A click group that imports the module of a command when the command is used, so that a help text costs no imports.

cli = LazyGroup(
help="Create Campaigns, follow them, fetch what they trained.",
lazy_commands={
"create": ("ape_sonar.commands.create:create", "Start the Campaign that FILE describes."),
},
)
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

from sonar_core.cli.errors import cli_errors


class LazyGroup(click.Group):
    """A group whose commands are named by module.

    Args:
        lazy_commands: by the command's name: its place as "module:attribute", and the line that the group's help shows.
            The line is the first sentence of the command's own help (a test compares them).
    """

    def __init__(self, *args: Any, lazy_commands: Mapping[str, tuple[str, str]], **options: Any) -> None:
        super().__init__(*args, **options)
        self.lazy_commands = dict(lazy_commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command; an error before it begins, such as a node that does not answer, is one line as well."""
        with cli_errors():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self.lazy_commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.lazy_commands:
            return None
        module, attribute = self.lazy_commands[cmd_name][0].split(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.lazy_commands[name][1]) for name in self.list_commands(ctx)])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        options = click.Command.shell_complete(self, ctx, incomplete)
        return [CompletionItem(name, help=self.lazy_commands[name][1]) for name in names] + options
