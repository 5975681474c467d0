"""The commands that run the pipeline: argv in, text out."""
