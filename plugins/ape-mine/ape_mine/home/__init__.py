"""A Mine's folder: datasets, policy, journal."""
