"""Share through a Redis server (5 or newer): its clock, scripts and locks with a lease.

Every key is `meetings:{digest}:…` and expires. If the server's clock is set, the distance to the last slot is kept;
after a step forward at most 2 seconds of it: new slots may then fall between the slots of a longer queue.
"""

from __future__ import annotations

import hashlib
import logging
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from airflow_provider_meetings.api.http.rate_limit import Rate
from airflow_provider_meetings.coordination.backend import RECORD_SECONDS, BackendError, Busy, DurableBackend
from airflow_provider_meetings.coordination.redis.errors import translated_errors
from airflow_provider_meetings.coordination.redis.scripts import BLOCK, COMPARE_AND_SET, GET, RESERVE
from airflow_provider_meetings.coordination.stored import MAX_VALUE_SECONDS, stored_bytes, warn_ignored

if TYPE_CHECKING:
    from redis import Redis
    from redis.lock import Lock

log = logging.getLogger(__name__)

_LEASE = 1.5  # seconds after which a lock ends unless its process extends it
_EXTEND_EVERY = _LEASE / 4
_POLL = 0.05  # seconds between two attempts to acquire a lock
_TIMEOUT = 5.0  # seconds for the server to answer, if the client has no timeout


class RedisBackend(DurableBackend):
    """Share values, locks and slots through a Redis client.

    A thread extends the lease of a lock while it is held. A process that is stopped for longer than 1.5 seconds loses
    its lock. Locks do not keep the order of requests.
    """

    def __init__(self, client: Redis) -> None:
        from redis import exceptions
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        self._client = client
        self._execute: Callable[..., Any] = client.execute_command
        # Airflow's hook sets no timeout: a server that does not answer would hang the task.
        settings = client.connection_pool.connection_kwargs
        for timeout in ("socket_timeout", "socket_connect_timeout"):
            settings[timeout] = settings.get(timeout) or _TIMEOUT
        # One retry, for a connection that was closed while it was idle. The library's default of ten retries with
        # pauses would delay each call by seconds, and repeat a login with a wrong password.
        client.set_retry(Retry(NoBackoff(), 1, supported_errors=(exceptions.ConnectionError,)))
        self._reserve, self._block, self._compare_and_set = (
            client.register_script(script) for script in (RESERVE, BLOCK, COMPARE_AND_SET)
        )

    def get(self, key: str) -> bytes | None:
        return self._stored(_name(key, "value"), round(MAX_VALUE_SECONDS * 1000))

    def _stored(self, name: str, longest: int) -> bytes | None:
        # NEVER_DECODE, which a registered script does not take: a client with decode_responses would decode the bytes.
        with translated_errors():
            stored = self._execute("EVAL", GET, 1, name, longest, NEVER_DECODE=True)
        return None if stored is None else stored_bytes(stored, name)

    def set(self, key: str, value: bytes, lifetime: float) -> None:
        milliseconds = max(1, round(lifetime * 1000))
        with translated_errors():
            self._client.set(_name(key, "value"), b"%d %s" % (milliseconds, value), px=milliseconds)

    @contextmanager
    def lock(self, key: str, timeout: float) -> Iterator[None]:
        from redis.exceptions import RedisError
        from redis.lock import Lock

        name = _name(key, "lock")
        lock = Lock(self._client, name, timeout=_LEASE, sleep=_POLL, thread_local=False)
        with translated_errors():
            if not lock.acquire(blocking=False):
                # A longer lease was written before the server's clock was set back, or by someone else; -1 is no end.
                remaining: Any = self._client.pttl(name)
                if remaining == -1 or remaining > _LEASE * 1000:
                    warn_ignored(name)
                    self._client.pexpire(name, round(_LEASE * 1000))
                if not lock.acquire(blocking_timeout=timeout):
                    raise Busy.lock(timeout)
        released = threading.Event()
        try:
            threading.Thread(target=_extend, args=(lock, released), daemon=True).start()
            yield
        finally:
            released.set()
            # If this fails, the lease ends by itself. What was done under the lock is done.
            with suppress(RedisError):
                lock.release()

    def reserve(self, key: str, rates: Sequence[Rate], max_wait: float) -> float:
        spacing = math.ceil(max(rate.spacing for rate in rates) * 1e6)
        taken, wait = self._run(self._reserve, key, spacing, math.floor(max_wait * 1e6))
        if not taken:
            raise Busy.until_slot(wait / 1e6, max_wait)
        return float(wait / 1e6)

    def block(self, key: str, seconds: float) -> None:
        self._run(self._block, key, math.ceil(seconds * 1e6))

    def _run(self, script: Callable[..., Any], key: str, *arguments: int) -> list[int]:
        with translated_errors():
            result: list[int] = script([_name(key, "slots")], arguments)
        if result[0]:
            warn_ignored(_name(key, "slots"))
        return result[1:]

    def read(self, key: str) -> bytes | None:
        return self._stored(_name(key, "record"), 0)

    def compare_and_set(self, key: str, old: bytes | None, new: bytes) -> bool:
        """Replace the record if it is still `old`; see `DurableBackend`. As durable as the server's configuration."""
        with translated_errors():
            return bool(self._compare_and_set([_name(key, "record")], [old or b"", new, RECORD_SECONDS * 1000]))

    def close(self) -> None:
        self._client.connection_pool.disconnect(inuse_connections=False)


def _extend(lock: Lock, released: threading.Event) -> None:
    from redis.exceptions import LockError

    while not released.wait(_EXTEND_EVERY):
        try:
            with translated_errors():
                lock.reacquire()
        except LockError:
            if not released.is_set():
                log.warning("Lost a lock while it was held: this process or Redis was stopped for too long")
            return
        except BackendError as error:
            log.warning("Cannot extend a lock, retrying: %s", error)


def _name(key: str, part: str) -> str:
    # The braces put all names of one key on one node of a cluster.
    return f"meetings:{{{hashlib.sha256(key.encode()).hexdigest()[:32]}}}:{part}"
