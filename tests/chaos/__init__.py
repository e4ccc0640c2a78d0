"""Faults at every step of every party: enumerated one by one, and drawn at random."""
