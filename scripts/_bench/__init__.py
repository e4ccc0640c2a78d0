"""Benchmarks of encrypted training against other libraries: `make bench`."""
