"""The work of the maintenance commands: doctor, rebuild."""
