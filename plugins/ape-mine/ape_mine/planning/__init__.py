"""Which Campaign, with which dataset."""
