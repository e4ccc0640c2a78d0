"""Commands of `ape sonar`, by what they are about."""
