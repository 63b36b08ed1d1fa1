"""Operators that ask the platforms."""
