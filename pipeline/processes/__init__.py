"""Time limits, and isolation from crashes: work in threads and processes that can be ended."""
