"""Scores of Gradients: pure functions, and the processes that compute them. No chain, no store, no file."""
