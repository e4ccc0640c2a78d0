"""Layer 3: OpenPGP messages and certificates, and secrets at rest."""
