"""Forget recordings, persons and old files: what goes, and what changes, in databases, lakes of rows and stores."""
