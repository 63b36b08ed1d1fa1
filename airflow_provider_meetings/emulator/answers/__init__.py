"""The form of both vendors' answers."""
