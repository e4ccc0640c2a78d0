"""The commands of `ape capsule`, one module each (keys.py: four about OpenPGP keys; backup.py: two)."""
