"""Control of the emulator over HTTP."""
