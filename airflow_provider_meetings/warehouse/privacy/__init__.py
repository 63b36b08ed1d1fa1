"""Redaction of columns, and of the same values everywhere else."""
