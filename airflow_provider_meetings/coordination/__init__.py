"""What processes share: tokens and quotas. One interface, one file per backend."""
