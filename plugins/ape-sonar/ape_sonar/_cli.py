"""`ape sonar`: the commands of a Data Scientist, each imported when it is used."""

from __future__ import annotations

from sonar_core.cli.lazy_group import LazyGroup

_COMMANDS = "ape_sonar.commands"

cli = LazyGroup(
    help="Create Campaigns, follow them, fetch trained Models.",
    lazy_commands={
        "cancel": (f"{_COMMANDS}.act:cancel", "Take a Campaign back before its Capsule opens it."),
        "capsules": (f"{_COMMANDS}.capsules:capsules", "List the announced Capsules with their terms."),
        "create": (f"{_COMMANDS}.create:create", "Start the Campaign that FILE describes."),
        "expire": (f"{_COMMANDS}.act:expire", "Record that the Capsule missed a window."),
        "key": (f"{_COMMANDS}.keys:key", "Import, export and show your OpenPGP keys."),
        "list": (f"{_COMMANDS}.inspect:list_command", "List Campaigns, oldest first."),
        "refund": (f"{_COMMANDS}.act:refund", "Take back the money that nobody earned."),
        "result": (f"{_COMMANDS}.result:result", "Open and check the trained Model."),
        "show": (f"{_COMMANDS}.inspect:show", "Show one Campaign and its Gradients."),
        "spec-schema": (f"{_COMMANDS}.verify:spec_schema_command", "Print the JSON Schema of a Campaign spec."),
        "stop": (f"{_COMMANDS}.act:stop", "End mining after the notice period."),
        "verify": (f"{_COMMANDS}.verify:verify_command", "Compare the contracts' code on chain with this commit's."),
        "watch": (f"{_COMMANDS}.inspect:watch", "Print each Gradient when it is scored, until the Campaign has ended."),
    },
)
