"""Check what has landed against its receipts, and remove what killed tries left."""
