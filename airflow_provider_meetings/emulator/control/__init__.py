"""What tests ask of the emulator over HTTP."""
