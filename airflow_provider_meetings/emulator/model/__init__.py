"""The objects of a company, and the endpoints."""
