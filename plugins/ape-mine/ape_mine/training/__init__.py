"""From rows to a Gradient."""
