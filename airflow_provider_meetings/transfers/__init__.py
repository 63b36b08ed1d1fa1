"""From a platform into a store, from a listing into a warehouse."""
