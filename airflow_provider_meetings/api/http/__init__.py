"""Requests to a platform's API: signing, rate limits, error codes, answers."""
