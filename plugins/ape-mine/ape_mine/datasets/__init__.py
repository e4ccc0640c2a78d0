"""Rows and their files: imports, versions, storage."""
