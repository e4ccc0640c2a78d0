"""Commands of `ape mine`, one module per command or group of commands."""
