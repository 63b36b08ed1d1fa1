"""Connections that another thread can cancel, with a time limit for the headers of an answer."""

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
    """Register the sockets of one session, so that their reads can be cancelled.

    :param answer_seconds: limit for connecting, and another one for all headers of an answer. A socket timeout starts
        again with each byte: a host that sends byte by byte would never reach it.
    """

    def __init__(self, answer_seconds: float) -> None:
        self._answer_seconds = answer_seconds
        self._sockets: WeakSet[socket.socket] = WeakSet()
        # Reentrant: a signal handler may call `cancel` while its own thread holds the lock.
        self._lock = threading.RLock()
        self.cancelled = False

    def add(self, connection: socket.socket) -> None:
        """Register a socket.

        :raises ConnectionAbortedError: if `cancel` was called before.
        """
        with self._lock:
            self._sockets.add(connection)
            self._check()

    def cancel(self) -> None:
        """Cancel each read in progress, in any thread, as if the host had closed the connection; refuse new sockets."""
        with self._lock:
            self.cancelled = True
            for connection in [*self._sockets]:
                _shut_down(connection)

    @contextmanager
    def time_limit(self, connection: Callable[[], socket.socket | None]) -> Iterator[None]:
        """Shut down a socket if the block takes longer than `answer_seconds`.

        :param connection: returns the socket; None before it exists.
        :raises TimeoutError: in that case.
        """
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            if found := connection():
                _shut_down(found)

        timer = threading.Timer(self._answer_seconds, expire)
        timer.daemon = True
        timer.start()
        try:
            yield
        except Exception:
            if not expired.is_set():
                raise
        finally:
            timer.cancel()
        # Also without an exception: http.client accepts truncated headers.
        if expired.is_set():
            raise TimeoutError("the headers of the answer took too long")
        self._check()

    def _check(self) -> None:
        if self.cancelled:
            raise ConnectionAbortedError("the session was interrupted")


class _CancellableConnection(HTTPConnection):
    sockets: ClassVar[CancellableSockets]
    _duplicate: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        connection = super()._new_conn()
        try:
            # TLS detaches the descriptor of `connection`; until it is done, the duplicate reaches the same connection.
            self._duplicate = connection.dup()
            self.sockets.add(self._duplicate)
        except BaseException:
            connection.close()
            raise
        return connection

    def connect(self) -> None:
        try:
            with self.sockets.time_limit(lambda: self._duplicate):
                super().connect()
            self.sockets.add(_plain_socket(self.sock))
        finally:
            if self._duplicate:
                self._duplicate.close()
                self._duplicate = None

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3's own
        # Read before the answer: after "Connection: close" the connection has no socket any more.
        connection = _plain_socket(self.sock)
        with self.sockets.time_limit(lambda: connection):
            return super().getresponse()


def cancellable(
    pools: dict[str, type[HTTPConnectionPool]], sockets: CancellableSockets, *mixins: type[HTTPConnection]
) -> dict[str, type[HTTPConnectionPool]]:
    """Return pool classes whose connections register with `sockets`; `mixins` come first in their bases."""

    def subclass(pool: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
        bases = (*mixins, _CancellableConnection, pool.ConnectionCls)
        return type(pool.__name__, (pool,), {"ConnectionCls": type("Connection", bases, {"sockets": sockets})})

    return {scheme: subclass(pool) for scheme, pool in pools.items()}


def _plain_socket(connection: socket.socket) -> socket.socket:
    # For TLS inside the TLS of a proxy, urllib3 uses an object that is not a socket but has one.
    return getattr(connection, "socket", connection)


def _shut_down(connection: socket.socket) -> None:
    # Not SSLSocket.shutdown: it removes TLS, and the reader would take encrypted bytes for the body.
    # Both directions: with SHUT_RD alone, the kernel still delivers what arrives.
    with suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
