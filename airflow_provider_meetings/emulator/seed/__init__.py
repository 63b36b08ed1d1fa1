"""The default company and its credentials."""
