"""Stores that fsspec has a file system for."""
