"""Hosts whose responses never end; they record when the client disconnects."""

from __future__ import annotations

import threading

from tests.contract.media.origin import Handler


class Endless:
    """Send `start`, then repeat `repeated`; if `repeated` is empty, send nothing more."""

    def __init__(self, start: bytes, repeated: bytes) -> None:
        self._start = start
        self._repeated = repeated
        self.started = threading.Event()
        self.disconnected = threading.Event()

    def __call__(self, handler: Handler) -> None:
        # A client that never disconnects must fail its test instead of blocking it.
        handler.connection.settimeout(10)
        closing = handler.server.origin.closing
        try:
            handler.connection.sendall(self._start)
            self.started.set()
            if self._repeated:
                # Often enough that the client's read timeout never expires.
                for _ in range(500):
                    handler.connection.sendall(self._repeated)
                    if closing.wait(0.02):
                        return
            elif not handler.connection.recv(1):
                self.disconnected.set()
        except TimeoutError:
            return
        except OSError:
            self.disconnected.set()
