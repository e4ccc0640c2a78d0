"""Version of the formats (docs/reference/formats.md)."""

SCHEME = 1
