"""Whether an archive, and each file in it, is whole."""
