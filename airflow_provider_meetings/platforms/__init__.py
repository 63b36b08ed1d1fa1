"""One folder per vendor; no folder knows another."""
