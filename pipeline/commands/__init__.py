"""The commands of `tokio-pipeline`, a module each; see `archive_tools.dispatch` for what a module
has.
"""
