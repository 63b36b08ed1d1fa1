"""Stage rows and merge them, in the SQL of each database."""
