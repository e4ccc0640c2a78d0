"""How fast encrypted training is, beside what else one could use: `make bench`."""
