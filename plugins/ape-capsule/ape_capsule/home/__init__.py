"""What a Capsule keeps on disk."""
