"""Verify landed objects against their receipts, and sweep what unfinished landings left."""
