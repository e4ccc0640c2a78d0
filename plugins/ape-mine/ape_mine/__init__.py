"""The Mine: trains encrypted Models on rows that never leave it, and is paid for what they improve."""
