"""A night, a backfill, a rebuild: plan, run, progress, retention, states."""
