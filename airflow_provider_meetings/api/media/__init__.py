"""Open media links and read their bodies."""
