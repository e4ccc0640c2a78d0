"""The work of the maintenance commands: backup, restore, rotation, rebuild, doctor."""
