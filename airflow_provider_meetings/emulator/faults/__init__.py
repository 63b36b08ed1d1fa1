"""Injected faults: errors, hangs, broken media, revoked tokens, rate limits."""
