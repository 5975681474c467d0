"""The command lines: argv in, text out."""
