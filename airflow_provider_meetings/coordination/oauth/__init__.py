"""A user's consent and the single-use refresh tokens that follow from it."""
