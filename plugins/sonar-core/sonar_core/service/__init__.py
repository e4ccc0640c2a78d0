"""What a Capsule and a Mine need to run for months: logs, metrics, health, a way to stop, and a doctor."""
