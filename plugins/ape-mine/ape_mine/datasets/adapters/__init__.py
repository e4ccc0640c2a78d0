"""What a Mine imports from: one file a source."""
