"""Requests that are done and not answered: the connection hangs, or is cut."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, get_args

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from airflow_provider_meetings.emulator.model.endpoints import selected

Manner = Literal["hang", "cut"]
MANNERS: Final[tuple[Manner, ...]] = get_args(Manner)


@dataclass(slots=True)
class Hang:
    """One order; ``times`` None lasts until it is cleared, ``taken`` counts the requests that got no answer."""

    endpoint: str
    manner: Manner
    times: int | None = 1
    skip: int = 0
    taken: int = 0


class Hangs:
    """Keep the orders, and let those who hang go."""

    def __init__(self) -> None:
        self._orders: list[Hang] = []
        self._taken = 0
        self._hanging: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self._changed = threading.Condition()

    def order(self, endpoint: str, manner: Manner = "hang", *, times: int | None = 1, skip: int = 0) -> Hang:
        """Let requests to ``endpoint`` be done, with all that follows from it, and not be answered.

        :param endpoint: a name, or ``feishu.*`` or ``wecom.*``.
        :param manner: "hang" until :meth:`release` or the client goes, or "cut" the connection.
        :param times: how many requests; None for all until cleared.
        :param skip: how many are answered as usual before.
        :raises ValueError: no such endpoint or manner; a number out of range.
        """
        selected(endpoint)
        if manner not in MANNERS:
            raise ValueError(f"manner must be one of {', '.join(MANNERS)}; not {manner!r}")
        if (times is not None and times < 1) or skip < 0:
            raise ValueError("times must be 1 or more, or None for all, and skip 0 or more")
        hang = Hang(endpoint, manner, times, skip)
        with self._changed:
            self._orders.append(hang)
        return hang

    def take(self, endpoint: str) -> Manner | None:
        """Return how the answer to a request to ``endpoint`` is withheld, None if it is not, and count it."""
        with self._changed:
            for order in self._orders:
                if order.endpoint not in (endpoint, f"{endpoint.partition('.')[0]}.*"):
                    continue
                if order.times is not None and order.taken >= order.times:
                    continue
                if order.skip:
                    order.skip -= 1
                    return None
                order.taken += 1
                return order.manner
        return None

    def wait(self, number: int = 1, timeout: float = 10) -> bool:
        """Return once ``number`` requests are done and without an answer, all told; False after ``timeout`` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._taken >= number, timeout)

    def begun(self) -> None:
        """Wake up who waits: one more is without an answer."""
        with self._changed:
            self._taken += 1
            self._changed.notify_all()

    def release(self) -> int:
        """Answer those who hang, from any thread; return how many there were."""
        with self._changed:
            for loop, event in self._hanging:
                loop.call_soon_threadsafe(event.set)
            return len(self._hanging)

    def clear(self) -> None:
        """Forget the orders and the count, and answer those who hang."""
        with self._changed:
            self._orders.clear()
            self._taken = 0
        self.release()

    async def hang(self, receive: Receive) -> None:
        """Return when the answer may go out, or the client has gone and takes none."""
        entry = (asyncio.get_running_loop(), asyncio.Event())
        with self._changed:
            self._hanging.add(entry)
        released = asyncio.ensure_future(entry[1].wait())
        gone = asyncio.ensure_future(_gone(receive))
        self.begun()
        try:
            await asyncio.wait({released, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            released.cancel()
            gone.cancel()
            with self._changed:
                self._hanging.discard(entry)

    def __iter__(self) -> Iterator[Hang]:
        with self._changed:
            return iter(list(self._orders))


class WithheldResponse(Response):
    """Withhold ``answer``."""

    def __init__(self, answer: Response, manner: Manner, hangs: Hangs) -> None:
        super().__init__()
        self.answer = answer
        self.manner = manner
        self.hangs = hangs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hang or cut the connection, and return when the client has gone or has its answer."""
        if self.manner == "hang":
            await self.hangs.hang(receive)
            await self.answer(scope, receive, send)
            return
        hang_up: Callable[[], Awaitable[None]] | None = scope.get("emulator.hang_up")
        if hang_up is None:
            raise RuntimeError("only the emulator's own server can cut a connection; use emulator.server.serve")
        self.hangs.begun()
        await hang_up()
        await _gone(receive)


async def _gone(receive: Receive) -> None:
    message: Message = {"type": ""}
    while message["type"] != "http.disconnect":
        message = await receive()
