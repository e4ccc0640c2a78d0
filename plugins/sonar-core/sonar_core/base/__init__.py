"""Layer 1: errors, strict documents, canonical JSON, atomic files, a database file. No domain knowledge."""
