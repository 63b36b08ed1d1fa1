"""What may be redacted, and redacting it wherever it is."""
