"""A folder on a disk."""
