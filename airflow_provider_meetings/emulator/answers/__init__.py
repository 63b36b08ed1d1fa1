"""Answers as the platforms send them: envelopes, errors, pages, media."""
