"""Long campaigns, of which the ordinary suite runs a small share; see CONTRIBUTING.md."""
