"""Failures that tests order: errors, hangs, cut media, revoked tokens, rate limits."""
