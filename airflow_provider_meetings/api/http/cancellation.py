"""Requests with a deadline that another thread can cancel, in every phase, from the lookup of the name to the body."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import Any, ClassVar
from weakref import WeakSet

import requests
from requests.adapters import HTTPAdapter
from urllib3 import ProxyManager
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.response import HTTPResponse

from airflow_provider_meetings.api.http.usage import Usage

IDLE_SECONDS = 15.0
"""A connection that was idle for longer is not used again: its host may be closing it."""


class DeadlineExceeded(requests.Timeout):
    """A request took longer than its deadline."""


class Caller:
    """One of those who share an adapter: its calls are counted and cancelled apart from those of the others."""

    def __init__(self) -> None:
        self.usage = Usage()
        self.repeat_failures = True
        """Whether calls are repeated that the platform fails to answer; a poll sends them once."""
        self.requested = threading.Event()
        self.exchanges: set[_Exchange] = set()

    def cancel(self) -> None:
        """End each exchange, in any thread, and refuse further ones."""
        self.requested.set()
        for exchange in [*self.exchanges]:
            exchange.outcome.put(requests.ConnectionError("the session was interrupted"))


class _Exchange:
    """One request and its answer, in a thread of its own."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        # Unlike an Event or a Future, a SimpleQueue may be used by a signal handler of the thread that waits for it.
        self.outcome: SimpleQueue[requests.Response | BaseException] = SimpleQueue()
        self.sockets: list[socket.socket] = []
        self.left = False

    def wait(self, seconds: float) -> requests.Response:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            # Short waits: Python handles a signal that comes just before one only after it.
            with suppress(Empty):
                outcome = self.outcome.get(timeout=min(left, 0.5))
                if isinstance(outcome, BaseException):
                    raise outcome
                return outcome
        raise DeadlineExceeded(f"no complete answer within {seconds:g} s")

    def discard(self) -> None:
        """Shut down the sockets, and close an answer that nobody takes, perhaps behind the error of `cancel`."""
        for connection in self.sockets:
            _shut_down(connection)
        with suppress(Empty):
            while True:
                if isinstance(outcome := self.outcome.get_nowait(), requests.Response):
                    outcome.close()


class CancellableAdapter(HTTPAdapter):
    """Send requests that other threads can cancel.

    A socket timeout starts again with each byte, and nothing interrupts the lookup of a name. Each request therefore
    runs in a thread, which its caller leaves at the deadline, on `cancel`, or with the exception of a signal handler.

    :param mixins: base classes of the connections to the hosts, not of those to proxies.
    """

    def __init__(self, *mixins: type[HTTPConnection]) -> None:
        # Set first: the base class creates the pool manager.
        self._mixins = mixins
        self._caller = Caller()
        self.idle_since = 0.0
        """Connections that were last used before are not used again; unlike `close`, this disturbs no request."""
        self._own = threading.local()
        self._sockets: WeakSet[socket.socket] = WeakSet()
        # Reentrant: a signal handler may call `cancel` while its own thread holds the lock.
        self._lock = threading.RLock()
        super().__init__()

    @property
    def cancelled(self) -> bool:
        return self._caller.requested.is_set()

    def exchange(
        self, work: Callable[[], requests.Response], seconds: float, caller: Caller | None = None
    ) -> requests.Response:
        """Return what `work` returns; it sends one request through this adapter.

        :param caller: None for the adapter's own.
        :raises DeadlineExceeded: after `seconds`; the request's connection is shut down.
        :raises requests.ConnectionError: if it is cancelled, or was cancelled before.
        """
        exchange = _Exchange(caller or self._caller)

        def run() -> None:
            self._own.exchange = exchange
            try:
                outcome: requests.Response | BaseException = work()
            except BaseException as error:  # raised by the caller
                outcome = error
            exchange.outcome.put(outcome)
            if exchange.left:
                exchange.discard()

        try:
            exchange.caller.exchanges.add(exchange)
            _check(exchange)
            # Airflow finds the task's log by the context.
            threading.Thread(target=copy_context().run, args=(run,), name="meetings request", daemon=True).start()
            return exchange.wait(seconds)
        except BaseException:
            exchange.left = True
            exchange.discard()
            raise
        finally:
            exchange.caller.exchanges.discard(exchange)

    def cancel(self) -> None:
        """End each exchange of the adapter's own, and each read of a body, in any thread; refuse further ones."""
        self._caller.cancel()
        with self._lock:
            for connection in [*self._sockets]:
                _shut_down(connection)

    def use(self, connection: socket.socket) -> None:
        """Register the socket that the exchange of this thread uses.

        :raises requests.ConnectionError: if nobody waits for the exchange any more.
        """
        exchange: _Exchange = self._own.exchange
        exchange.sockets.append(connection)
        with self._lock:
            self._sockets.add(connection)
        _check(exchange)  # after it was registered: whoever comes later shuts it down

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        pools = self.poolmanager.pool_classes_by_scheme
        self.poolmanager.pool_classes_by_scheme = self._cancellable(pools, *self._mixins)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> ProxyManager:
        exists = proxy in self.proxy_manager
        manager: ProxyManager = super().proxy_manager_for(proxy, **kwargs)
        if not exists:
            manager.pool_classes_by_scheme = self._cancellable(manager.pool_classes_by_scheme)
        return manager

    def _cancellable(
        self, pools: dict[str, type[HTTPConnectionPool]], *mixins: type[HTTPConnection]
    ) -> dict[str, type[HTTPConnectionPool]]:
        def subclass(pool: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
            bases = (*mixins, _CancellableConnection, pool.ConnectionCls)
            return type(pool.__name__, (pool,), {"ConnectionCls": type("Connection", bases, {"adapter": self})})

        return {scheme: subclass(pool) for scheme, pool in pools.items()}


class _CancellableConnection(HTTPConnection):
    adapter: ClassVar[CancellableAdapter]
    _duplicate: socket.socket | None = None
    _used_at = 0.0

    @property
    def is_connected(self) -> bool:
        return super().is_connected and self._used_at > max(self.adapter.idle_since, time.monotonic() - IDLE_SECONDS)

    def _new_conn(self) -> socket.socket:
        connection = super()._new_conn()
        try:
            # TLS detaches the descriptor of `connection`; until it is done, the duplicate reaches the same connection.
            self._duplicate = connection.dup()
            self.adapter.use(self._duplicate)
        except BaseException:
            connection.close()
            raise
        return connection

    def connect(self) -> None:
        try:
            super().connect()
            self.adapter.use(_plain_socket(self.sock))
        finally:
            if self._duplicate:
                self._duplicate.close()
                self._duplicate = None

    def _tunnel(self) -> None:
        super()._tunnel()
        # It accepts truncated headers of a proxy: TLS must not begin on a socket that was shut down.
        self.adapter.use(self.sock)

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3's own
        # Also a connection that another exchange has opened.
        self.adapter.use(_plain_socket(self.sock))
        self._used_at = time.monotonic()
        return super().getresponse()


def _check(exchange: _Exchange) -> None:
    if exchange.left or exchange.caller.requested.is_set():
        raise requests.ConnectionError("the session was interrupted")


def _plain_socket(connection: socket.socket) -> socket.socket:
    # For TLS inside the TLS of a proxy, urllib3 uses an object that is not a socket but has one.
    return getattr(connection, "socket", connection)


def _shut_down(connection: socket.socket) -> None:
    # Not SSLSocket.shutdown: it removes TLS, and the reader would take encrypted bytes for the body.
    # Both directions: with SHUT_RD alone, the kernel still delivers what arrives.
    with suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
