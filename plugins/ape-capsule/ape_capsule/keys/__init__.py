"""Secrets, and the record of their use."""
