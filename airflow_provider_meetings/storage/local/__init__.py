"""Store in a local or mounted folder."""
