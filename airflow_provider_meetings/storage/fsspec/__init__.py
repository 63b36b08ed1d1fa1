"""Store on any fsspec file system."""
