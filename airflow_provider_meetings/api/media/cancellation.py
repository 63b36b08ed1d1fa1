"""Connections that another thread can end, and that wait for an answer's headers only so long."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import ClassVar
from weakref import WeakSet

from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.response import HTTPResponse


class CancellableSockets:
    """Know the sockets of one session, to end what is read from them.

    :param answer_seconds: for connecting, and again for all headers of an answer: the time-outs of sockets begin anew
        with each byte, so that a host that drips would never meet them.
    """

    def __init__(self, answer_seconds: float) -> None:
        self._answer_seconds = answer_seconds
        self._sockets: WeakSet[socket.socket] = WeakSet()
        # Reentrant: a signal's handler may end the sockets while its own thread is in here.
        self._lock = threading.RLock()
        self.ended = False

    def add(self, made: socket.socket) -> None:
        """Have `end` end this one too.

        :raises ConnectionAbortedError: if it has been called already.
        """
        with self._lock:
            self._sockets.add(made)
            self._check()

    def end(self) -> None:
        """End each read under way, in any thread, as if its host had hung up; nothing can be opened afterwards."""
        with self._lock:
            self.ended = True
            for made in [*self._sockets]:
                _shut(made)

    @contextmanager
    def in_time(self, made: Callable[[], socket.socket | None]) -> Iterator[None]:
        """Run what waits for a socket; shut the socket when it takes too long.

        :param made: the socket; None as long as there is none.
        """
        late = threading.Event()

        def cut() -> None:
            late.set()
            if found := made():
                _shut(found)

        timer = threading.Timer(self._answer_seconds, cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        except Exception:
            if not late.is_set():
                raise
        finally:
            timer.cancel()
        # Also where all went well: http.client takes headers that are cut for whole ones.
        if late.is_set():
            raise TimeoutError("the headers of the answer took too long")
        self._check()

    def _check(self) -> None:
        if self.ended:
            raise ConnectionAbortedError("told to stop")


class _Watched(HTTPConnection):
    sockets: ClassVar[CancellableSockets]
    _twin: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        made = super()._new_conn()
        try:
            # TLS takes the descriptor out of `made`; until that is done, this one leads to the same connection.
            self._twin = made.dup()
            self.sockets.add(self._twin)
        except BaseException:
            made.close()
            raise
        return made

    def connect(self) -> None:
        try:
            with self.sockets.in_time(lambda: self._twin):
                super().connect()
            self.sockets.add(_own(self.sock))
        finally:
            if self._twin:
                self._twin.close()
                self._twin = None

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3's own
        # Beforehand: a connection lets go of its socket when the answer says that it is the last.
        made = _own(self.sock)
        with self.sockets.in_time(lambda: made):
            return super().getresponse()


def watched(
    pools: dict[str, type[HTTPConnectionPool]], sockets: CancellableSockets, *before: type[HTTPConnection]
) -> dict[str, type[HTTPConnectionPool]]:
    """Return pools whose connections `sockets` knows; the classes `before` are asked first."""

    def of(pool: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
        connection = type("Connection", (*before, _Watched, pool.ConnectionCls), {"sockets": sockets})
        return type(pool.__name__, (pool,), {"ConnectionCls": connection})

    return {scheme: of(pool) for scheme, pool in pools.items()}


def _own(made: socket.socket) -> socket.socket:
    # TLS within the TLS of a proxy is no socket, but has one.
    return getattr(made, "socket", made)


def _shut(made: socket.socket) -> None:
    # Not SSLSocket's own: that takes TLS away, and the reader would take what is still encrypted for the body.
    # Both ways: if only reading ends, the kernel goes on handing out what arrives.
    with suppress(OSError):
        socket.socket.shutdown(made, socket.SHUT_RDWR)
