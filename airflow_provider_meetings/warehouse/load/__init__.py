"""One load: read the input, stage it, merge it."""
