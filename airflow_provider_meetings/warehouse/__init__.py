"""Rows of recordings and posts, upserted by key into a warehouse: the tables, the rows, the loader, the engines."""
