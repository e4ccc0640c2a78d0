"""From rows to a sealed Gradient: statistics, noise, training."""
