"""Scores of Gradients: pure decisions, and the processes that compute them. No chain, no store, no file."""
