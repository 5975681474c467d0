"""A copy of an archive for others: names replaced by keyed hashes, counters as they are."""
