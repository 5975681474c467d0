"""Pages for people, and metrics for monitoring."""
