"""The error codes that the platforms document."""
