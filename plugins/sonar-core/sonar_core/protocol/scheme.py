"""The version of all formats (docs/formats.md)."""

SCHEME = 1
