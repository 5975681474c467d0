"""Time ranges over many days, and what they come to."""
