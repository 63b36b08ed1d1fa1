"""Serve the emulator on a socket, in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator

import uvicorn

from airflow_provider_meetings.emulator.app import create_app
from airflow_provider_meetings.emulator.state.emulator import EmulatorState


@contextlib.contextmanager
def serve(state: EmulatorState, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve ``state`` during the ``with`` block; yield the base URL when requests are accepted.

    :param port: 0: a free port.
    :raises OSError: the address is not available, such as a port in use.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # uvicorn would exit the process if the port is in use.
    listener = socket.create_server((host, port), family=family)
    # Connections inherit this option. asyncio sets it only if the socket has its protocol, which create_server does not
    # set; without it each response, sent in two writes, waits 40 ms for the client's acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    app = create_app(state, host)
    server = _Server(
        uvicorn.Config(
            app,
            loop="asyncio",
            # httptools would send header names in lower case.
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            date_header=False,
            server_header=False,
        )
    )
    app.state.server = server
    thread = threading.Thread(target=server.run, args=([listener],), name="meetings-emulator", daemon=True)
    thread.start()
    try:
        server.accepting.wait()
        address = f"[{host}]" if ":" in host else host
        yield f"http://{address}:{listener.getsockname()[1]}"
    finally:
        server.stop()
        thread.join()
        listener.close()


class _Server(uvicorn.Server):
    """A uvicorn server that starts and stops at once; uvicorn polls flags ten times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.accepting = threading.Event()
        self._stopped = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Run until :meth:`stop`; set ``accepting`` also if the start fails."""
        try:
            super().run(sockets)
        finally:
            self.accepting.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then set ``accepting``."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self.accepting.set()

    async def main_loop(self) -> None:
        await self._stopped.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Abort the open connections and stop; uvicorn would wait for them, and 0.1 s in any case."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()
        # Let the event loop tell the applications that their clients are gone.
        await asyncio.sleep(0)
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks)

    def stop(self) -> None:
        """Stop the server, from any thread."""
        if self._loop is not None:
            # The loop is closed if the server has already stopped.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stopped.set)
