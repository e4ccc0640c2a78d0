"""Worlds for tests: parties, chains and stores that tests act in."""
