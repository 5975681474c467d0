"""The commands that users of pytokio know, under their names, with the same
arguments and the same keys of JSON, on the functions that `tokio-archive` uses.

What differs on purpose is in `docs/commands.md`.
"""
