"""Layer 3: the protocol as pure functions and values: structs, events, ledger, rewards, formats. No I/O, no clock."""
