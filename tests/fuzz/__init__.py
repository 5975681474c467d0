"""A fuzzer of every reader of outside bytes; see CONTRIBUTING.md, "Campaigns"."""
