"""`ape capsule ...`: the group of commands. Each command's module is imported when the command is used."""

from __future__ import annotations

from sonar_core.cli.lazy_group import LazyGroup

_COMMANDS = "ape_capsule.commands"

cli = LazyGroup(
    help="The Capsule: makes a Campaign's keys, scores Gradients on hidden rows, delivers the trained Model.",
    lazy_commands={
        "announce": (f"{_COMMANDS}.announce:announce", "Announce certificates and terms on chain."),
        "backup": (f"{_COMMANDS}.backup:backup", "Write all that the Capsule needs into FILE."),
        "certificates": (f"{_COMMANDS}.keys:certificates", "Print the OpenPGP certificates, as gpg reads them."),
        "destroy": (f"{_COMMANDS}.destroy:destroy", "Destroy the key pair of a CAMPAIGN that is over."),
        "doctor": (f"{_COMMANDS}.doctor:doctor", "Show what keeps this Capsule from working, and what to do."),
        "forget": (f"{_COMMANDS}.keys:forget", "Remove a retired OpenPGP key that no Campaign needs."),
        "init": (f"{_COMMANDS}.init:init", "Make the Capsule's OpenPGP identity."),
        "keys": (f"{_COMMANDS}.keys:keys", "Show the OpenPGP keys, and which Campaigns need which."),
        "log": (f"{_COMMANDS}.warrant_log:log", "Show the warrant log: what was decrypted, and why."),
        "rebuild": (f"{_COMMANDS}.rebuild:rebuild", "Rebuild the state file from the chain."),
        "restore": (f"{_COMMANDS}.backup:restore", "Put a backup back as a home that does not exist yet."),
        "rotate": (f"{_COMMANDS}.keys:rotate", "Replace the OpenPGP key by a new one, and announce it."),
        "run": (f"{_COMMANDS}.run:run", "Serve the Campaigns that name this Capsule."),
        "status": (f"{_COMMANDS}.status:status", "Show the Campaigns of this Capsule."),
        "tidy": (f"{_COMMANDS}.tidy:tidy", "Show which blobs of Campaigns that are over can be released."),
    },
)
