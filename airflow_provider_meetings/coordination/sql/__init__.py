"""Share between hosts, through PostgreSQL or MySQL."""
