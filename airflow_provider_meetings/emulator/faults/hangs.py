"""Injected hangs: a request is processed and its response is not sent; the connection hangs or is cut."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import Final, Literal, get_args

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from airflow_provider_meetings.emulator.faults.fault_list import EndpointFaults

Manner = Literal["hang", "cut"]
MANNERS: Final[tuple[Manner, ...]] = get_args(Manner)


@dataclass(slots=True)
class Hang:
    """One injected hang. ``times`` None: until it is cleared."""

    endpoint: str
    manner: Manner
    times: int | None = 1
    skip: int = 0


class Hangs(EndpointFaults[Hang]):
    """Hold the injected hangs and the requests that hang now."""

    def __init__(self) -> None:
        super().__init__()
        self._withheld = 0
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self._changed = threading.Condition(self._lock)

    def add(self, endpoint: str, manner: Manner = "hang", *, times: int | None = 1, skip: int = 0) -> Hang:
        """Process the next requests to ``endpoint`` with all their effects, and send no response.

        :param endpoint: a name, or ``feishu.*`` or ``wecom.*``.
        :param manner: "hang": wait for :meth:`release` or for the client to leave. "cut": close the connection.
        :param times: how many requests; None: all until it is cleared.
        :param skip: how many requests are answered before.
        :raises ValueError: the endpoint or the manner is unknown, or a number is out of range.
        """
        if manner not in MANNERS:
            raise ValueError(f"manner must be one of {', '.join(MANNERS)}; not {manner!r}")
        return self._append(Hang(endpoint, manner, times, skip))

    def wait(self, number: int = 1, timeout: float = 10) -> bool:
        """Wait until ``number`` responses in all have been withheld; return False after ``timeout`` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._withheld >= number, timeout)

    def count_withheld(self) -> None:
        """Count one withheld response, and wake up :meth:`wait`."""
        with self._changed:
            self._withheld += 1
            self._changed.notify_all()

    def release(self) -> int:
        """Send the responses of the requests that hang; return their number."""
        with self._lock:
            for loop, event in self._waiting:
                loop.call_soon_threadsafe(event.set)
            return len(self._waiting)

    def clear(self, endpoint: str | None = None) -> None:
        """Remove the hangs, reset the count, and release the requests that hang."""
        super().clear(endpoint)
        with self._lock:
            self._withheld = 0
        self.release()

    async def hang(self, receive: Receive) -> None:
        """Wait until the response may be sent or the client has disconnected."""
        entry = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._waiting.add(entry)
        released = asyncio.ensure_future(entry[1].wait())
        disconnected = asyncio.ensure_future(until_disconnect(receive))
        self.count_withheld()
        try:
            await asyncio.wait({released, disconnected}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            released.cancel()
            disconnected.cancel()
            with self._lock:
                self._waiting.discard(entry)


class WithheldResponse(Response):
    """Withhold ``response``."""

    def __init__(self, response: Response, manner: Manner, hangs: Hangs) -> None:
        super().__init__()
        self.response = response
        self.manner = manner
        self.hangs = hangs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hang, then send the response; or close the connection without it."""
        if self.manner == "hang":
            await self.hangs.hang(receive)
            await self.response(scope, receive, send)
            return
        self.hangs.count_withheld()
        close_connection(scope)
        await until_disconnect(receive)


def close_connection(scope: Scope) -> None:
    """Close the connection of a request, which ASGI cannot: a body can then end before its length."""
    for connection in scope["app"].state.server.server_state.connections:
        if connection.client == scope["client"] and connection.transport is not None:
            # Not abort(): sent bytes must arrive.
            connection.transport.close()


async def until_disconnect(receive: Receive) -> None:
    """Wait until the client has disconnected. Returning before would be logged as an error of the application."""
    while (await receive())["type"] != "http.disconnect":
        pass
