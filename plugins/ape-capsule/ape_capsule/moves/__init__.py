"""One module per transaction that a Capsule sends. A move takes a context and returns Actions."""
