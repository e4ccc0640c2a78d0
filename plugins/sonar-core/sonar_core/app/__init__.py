"""Layer 5: from settings to objects."""
