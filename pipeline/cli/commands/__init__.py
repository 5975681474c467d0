"""What the commands of `tokio-pipeline` do, a module each; see `archive_tools.cli.dispatch`."""
