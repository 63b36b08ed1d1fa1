"""A user's consent and the chain of single-use refresh tokens that begins with it."""
