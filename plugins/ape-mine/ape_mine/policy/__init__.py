"""What a Mine may do: pure decisions, no I/O."""
