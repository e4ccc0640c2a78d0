"""Commands of `ape capsule`, by what they are about."""
