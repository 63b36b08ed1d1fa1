"""What changes while the emulator runs: tokens, consents, the clock."""
