"""One load: read what is given, stage it, merge it."""
