"""Health checks, and the rebuild of a lost state file."""
