"""Deployment of the contracts: addresses, records, verification of the code on chain."""
