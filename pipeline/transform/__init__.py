"""Pure functions from what sources say to what the archive holds. No I/O."""
