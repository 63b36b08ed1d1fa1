"""Hosts that never come to an end, and say when their client has hung up."""

from __future__ import annotations

import threading

from tests.contract.origin import Handler


class Endless:
    """Send `start`, and then `again` for ever; nothing more where that is empty."""

    def __init__(self, start: bytes, again: bytes) -> None:
        self._start = start
        self._again = again
        self.reached = threading.Event()
        self.hung_up = threading.Event()

    def __call__(self, handler: Handler) -> None:
        # A client that never gives up shall fail its test, not hang it.
        handler.connection.settimeout(10)
        closing = handler.server.origin.closing
        try:
            handler.connection.sendall(self._start)
            self.reached.set()
            if self._again:
                # So slow that no time-out between two bytes is met.
                for _ in range(500):
                    handler.connection.sendall(self._again)
                    if closing.wait(0.02):
                        return
            elif not handler.connection.recv(1):
                self.hung_up.set()
        except TimeoutError:
            return
        except OSError:
            self.hung_up.set()
