"""Operators that transfer media and metadata to object storage and warehouses."""
