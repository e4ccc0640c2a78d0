"""Datasets: import, versions, storage."""
