"""The commands of all parties as Markdown: an MkDocs hook that fills docs/reference/cli.md from the click groups.

The page is built from what `--help` prints, so that the two cannot differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import click

#: The line of the page that is replaced by the commands.
MARKER = "<!-- commands -->"
#: Module of each group `ape NAME`; its group is called `cli`.
GROUPS = {"sonar": "ape_sonar._cli", "capsule": "ape_capsule._cli", "mine": "ape_mine._cli"}
#: Of commands that connect to a chain; Ape adds it when such a command runs.
NETWORK = "* `--network ECOSYSTEM:NETWORK:PROVIDER`: The chain and its node. Default: Ape's default network."


def on_page_markdown(markdown: str, **_: Any) -> str:
    """MkDocs calls this for each page, before it is rendered."""
    return markdown.replace(MARKER, commands_page()) if MARKER in markdown else markdown


def commands_page() -> str:
    """A section per group, with a sub-section per command."""
    return "\n\n".join(_group_section(name) for name in GROUPS)


def commands(group: str) -> Iterator[tuple[str, click.Command]]:
    """Each command of `ape GROUP` under its full name, such as "ape sonar key import", in order of names."""
    root = import_module(GROUPS[group]).cli
    yield from _walk(root, click.Context(root, info_name=f"ape {group}"))


def _walk(group: click.Group, context: click.Context) -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None:
            raise LookupError(f"{context.command_path} lists {name}, and does not have it")
        if isinstance(command, click.Group):
            yield from _walk(command, click.Context(command, info_name=name, parent=context))
        else:
            yield f"{context.command_path} {name}", command


def _group_section(name: str) -> str:
    help_text = import_module(GROUPS[name]).cli.help or ""
    return "\n\n".join([f"## `ape {name}`", help_text, *(_command_section(*command) for command in commands(name))])


def _command_section(full_name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=full_name)
    usage = " ".join([full_name, *(part for part in command.collect_usage_pieces(context) if part != "[OPTIONS]")])
    records = [record for parameter in command.params if (record := parameter.get_help_record(context))]
    options = [f"* `{names}`: {_one_line(text)}" if text else f"* `{names}`" for names, text in records]
    if _connects(command):
        options.append(NETWORK)
    blocks = [f"### `{usage}`", _paragraphs(command.help or ""), "\n".join(options)]
    return "\n\n".join(block for block in blocks if block)


def _connects(command: click.Command) -> bool:
    from ape.cli import ConnectedProviderCommand

    return isinstance(command, ConnectedProviderCommand)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _paragraphs(text: str) -> str:
    """Click's help text without its marks for paragraphs that are not wrapped."""
    return "\n\n".join(_one_line(part.replace("\b", "")) for part in text.strip().split("\n\n"))
