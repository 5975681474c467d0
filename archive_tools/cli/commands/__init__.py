"""The commands of `tokio-archive`: a module each, found by its name (``find_logs`` is
``find-logs``).

A command's module has `HELP` (one line), `ABOUT` (what it does), `EXAMPLES` (without the program's
name), `add_arguments` and `run`, which returns the exit code. It imports at its top only what is
light: what a command needs is loaded when it runs.
"""
