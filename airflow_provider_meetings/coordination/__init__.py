"""What processes share: tokens, later also rate budgets. One interface, one file per backend."""
