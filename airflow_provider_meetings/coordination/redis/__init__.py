"""Share between hosts, through Redis."""
