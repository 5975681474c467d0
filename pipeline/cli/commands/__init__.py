"""The commands of `tokio-pipeline`, a module each; see `archive_tools.cli.dispatch`."""
