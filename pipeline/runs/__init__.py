"""Nightly runs, backfills, rebuilds: plan, run, progress, retention, states."""
