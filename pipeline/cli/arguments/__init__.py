"""What the commands of `tokio-pipeline` take, a module each; see `archive_tools.cli.dispatch`."""
