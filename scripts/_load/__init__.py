"""How one Capsule and many Mines do under load, on a chain of their own: `make load`."""
