"""Decisions of a Mine as pure functions: no file, no chain, no clock."""
