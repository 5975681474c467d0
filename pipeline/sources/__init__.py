"""What a source is (`contract`), which there are (`registry`), and a module or folder a kind."""
