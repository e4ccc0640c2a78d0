"""`ape mine ...`: the Mine on the command line. Each command is imported when it is used."""

from __future__ import annotations

from sonar_core.cli.lazy_group import LazyGroup

_COMMANDS = "ape_mine.commands"

cli = LazyGroup(
    help="The Mine: train Models on rows that never leave this machine, and be paid for it.",
    lazy_commands={
        "init": (f"{_COMMANDS}.init:init", "Create the home of an account's Mine."),
        "schema": (f"{_COMMANDS}.datasets:schema", "Draft a Table Schema for a CSV FILE."),
        "add": (f"{_COMMANDS}.add:add", "Check every row of FILE against SCHEMA and copy it into the Mine."),
        "import": (f"{_COMMANDS}.datasets:import_", "Import new records of the SOURCE at LOCATION into a dataset."),
        "sources": (f"{_COMMANDS}.datasets:sources", "List the sources that `ape mine import` reads."),
        "versions": (f"{_COMMANDS}.datasets:versions", "Show all versions of a dataset."),
        "prune": (f"{_COMMANDS}.datasets:prune", "Delete the rows of a dataset's older versions."),
        "remove": (f"{_COMMANDS}.datasets:remove", "Delete the rows of all versions of a dataset."),
        "encrypt": (f"{_COMMANDS}.datasets:encrypt", "Encrypt all rows under a passphrase."),
        "passphrase": (f"{_COMMANDS}.datasets:change_passphrase", "Change the passphrase of encrypted rows."),
        "policy": (f"{_COMMANDS}.policy:policy", "Put the policy in FILE in force."),
        "plan": (f"{_COMMANDS}.plan:plan", "Show what the Mine would do about each open Campaign, and why."),
        "run": (f"{_COMMANDS}.run:run", "Train for Campaigns as the policy allows, and take payouts."),
        "claim": (f"{_COMMANDS}.claim:claim", "Take rewards, fees and compensation that are due."),
        "approve": (f"{_COMMANDS}.approve:approve", "Approve of a CAMPAIGN that the policy leaves to you."),
        "status": (f"{_COMMANDS}.status:status", "Show datasets, Campaigns and money."),
        "doctor": (f"{_COMMANDS}.doctor:doctor", "Report what prevents this Mine from working, and what to do."),
        "rebuild": (f"{_COMMANDS}.rebuild:rebuild_command", "Rebuild the Mine's state file from the chain."),
        "tidy": (f"{_COMMANDS}.tidy:tidy", "Show the blobs of Campaigns that are over, and delete them with --yes."),
    },
)
