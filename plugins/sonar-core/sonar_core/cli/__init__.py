"""Layer 7: what the command lines share."""
