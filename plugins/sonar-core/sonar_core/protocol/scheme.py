"""The version of all formats (docs/reference/formats.md)."""

SCHEME = 1
