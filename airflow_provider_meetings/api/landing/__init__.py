"""Land one file, or many, in a store: resumed, verified, with a receipt."""
