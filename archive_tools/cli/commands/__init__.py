"""What the commands of `tokio-archive` do, a module each; see `archive_tools.cli.dispatch`."""
