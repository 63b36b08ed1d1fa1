"""The state of a running emulator."""
