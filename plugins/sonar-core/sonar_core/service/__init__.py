"""Layer 6: parts of a long-running service: loop, logs, metrics, health, shutdown, doctor, care of blobs."""
