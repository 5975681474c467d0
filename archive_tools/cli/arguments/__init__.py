"""What the commands of `tokio-archive` take, a module each, found by its name (``find_logs`` is
``find-logs``); see `archive_tools.cli.dispatch`.
"""
