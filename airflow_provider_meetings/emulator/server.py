"""Run the emulator on a socket, in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from airflow_provider_meetings.emulator.app import create_app
from airflow_provider_meetings.emulator.state.emulator import EmulatorState


@contextlib.contextmanager
def serve(state: EmulatorState, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve ``state`` while the block runs and yield the base URL, once requests are accepted.

    :param port: 0 takes a free one.
    :raises OSError: the address cannot be had, such as a port in use.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Bound here, not by uvicorn: it would end the process when the port is taken.
    listener = socket.create_server((host, port), family=family)
    # Connections inherit it. asyncio sets it only where the socket names its protocol, which create_server does not;
    # without it each answer, being two writes, waits 40 ms for the client's acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    app = _HangUp(create_app(state))
    server = _Server(
        uvicorn.Config(
            app,
            loop="asyncio",
            # The one implementation that sends header names as the application spells them.
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
    app.server = server
    thread = threading.Thread(target=server.run, args=([listener],), name="meetings-emulator", daemon=True)
    thread.start()
    try:
        server.accepting.wait()
        shown = f"[{host}]" if ":" in host else host
        yield f"http://{shown}:{listener.getsockname()[1]}"
    finally:
        server.stop()
        thread.join()
        listener.close()


class _HangUp:
    """Give the application a way to end a connection, which ASGI has not: a body may then end before its length."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.server: uvicorn.Server | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on."""

        async def hang_up() -> None:
            connections = list(self.server.server_state.connections) if self.server else []
            found = [one for one in connections if getattr(one, "client", None) == scope["client"]]
            if not found:
                raise RuntimeError("the client's connection is not known: is there a proxy between?")
            for connection in found:
                if connection.transport is not None:
                    # Not abort: what has been sent so far shall arrive.
                    connection.transport.close()

        scope["emulator.hang_up"] = hang_up
        await self.app(scope, receive, send)


class _Server(uvicorn.Server):
    """A server that says when it accepts and stops when told: uvicorn polls flags, ten times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.accepting = threading.Event()
        self._stopped = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Run until told to stop; release who waits for the start, should it fail."""
        try:
            super().run(sockets)
        finally:
            self.accepting.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then release who waits for it."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self.accepting.set()

    async def main_loop(self) -> None:
        """Wait until told to stop."""
        await self._stopped.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drop the clients that are still connected, then stop: one may be reading a recording for hours."""
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()
        # One turn of the loop, in which they are forgotten; uvicorn would wait for them with a tick.
        await asyncio.sleep(0)
        await super().shutdown(sockets)

    def stop(self) -> None:
        """Tell the server to stop, from any thread."""
        if self._loop is not None:
            # Closed, if the server has ended by itself.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stopped.set)
