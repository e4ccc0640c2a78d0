"""Commands of `ape mine`, by what they are about."""
