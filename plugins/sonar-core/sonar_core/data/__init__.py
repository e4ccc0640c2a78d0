"""Layer 2: Table Schemas, tables, and rows as fixed-point integers."""
