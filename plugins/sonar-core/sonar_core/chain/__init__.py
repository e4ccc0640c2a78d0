"""Layer 4: everything that speaks to a node: contract client, event log, transaction sender."""
