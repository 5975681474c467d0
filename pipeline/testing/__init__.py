"""Tests that a source must pass, ours or another package's."""
