"""Adapters, one module per kind of source."""
