"""Stage rows and merge them, in the words of each database."""
