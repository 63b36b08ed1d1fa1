"""The ledger of a pipeline: what is unsettled, and which windows were listed whole."""
