"""Share through a Redis server (5 or newer): its clock, its scripts, leases that a dead process cannot keep.

Every key is `meetings:{digest}:…` and runs out. Where the server's clock is set, back or forward, the distance to the
last slot is kept; forward for 2 seconds at most: with a longer queue, new slots may fall between those of before.
"""

from __future__ import annotations

import hashlib
import logging
import math
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from airflow_provider_meetings.api.http.rate_limit import Rate
from airflow_provider_meetings.coordination.backend import RECORD_SECONDS, BackendError, Busy
from airflow_provider_meetings.coordination.redis.errors import spoken
from airflow_provider_meetings.coordination.redis.scripts import ACQUIRE, GET, LEAVE, POSTPONE, RENEW, RESERVE, SWAP

if TYPE_CHECKING:
    from redis import Redis

log = logging.getLogger(__name__)

_LEASE = 1.5  # seconds that a hold outlives its process; a place in the queue likewise
_RENEWED = _LEASE / 4
_ASKED_AGAIN = 0.01  # seconds from one question for a hold to the next, for each place in the queue (21 at most)
_ANSWER = 5.0  # seconds for the server to answer, where the client was made without a limit


class RedisBackend:
    """Share values, holds and slots through a Redis client, which stays the caller's to make.

    A hold is a lease, renewed by a thread: a process stopped for longer than 1.5 seconds and then woken has lost it.
    """

    def __init__(self, client: Redis) -> None:
        from redis import exceptions
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        self._client = client
        self._ask: Callable[..., Any] = client.execute_command
        # Airflow's hook sets none: a server that does not answer would hang the task.
        settings = client.connection_pool.connection_kwargs
        for limit in ("socket_timeout", "socket_connect_timeout"):
            settings[limit] = settings.get(limit) or _ANSWER
        # Once more, for a connection that was cut meanwhile. The library's own ten times with pauses would keep a task
        # for seconds at every call, and hammer the login with a wrong password. One that is slow is not asked again.
        client.set_retry(Retry(NoBackoff(), 1, supported_errors=(exceptions.ConnectionError,)))
        self._acquire, self._leave, self._renew, self._reserve, self._block, self._compare_and_set = (
            client.register_script(script) for script in (ACQUIRE, LEAVE, RENEW, RESERVE, POSTPONE, SWAP)
        )

    def get(self, key: str) -> bytes | None:
        """Return what was set, or None."""
        # The option, which a registered script has not, keeps a client that decodes from taking opaque bytes for text.
        with spoken():
            value: bytes | None = self._ask("EVAL", GET, 1, _name(key, "value"), NEVER_DECODE=True)
        return value

    def set(self, key: str, value: bytes, lifetime: float) -> None:
        """Set a value for `lifetime` seconds."""
        milliseconds = max(1, round(lifetime * 1000))
        with spoken():
            self._client.set(_name(key, "value"), b"%d %s" % (milliseconds, value), px=milliseconds)

    @contextmanager
    def lock(self, key: str, timeout: float) -> Iterator[None]:
        """Be the only one who holds the key, in the order of asking."""
        names = [_name(key, part) for part in ("hold", "queue", "waiting")]
        owner = secrets.token_hex(16)
        try:
            self._wait(names, owner, timeout)
            done = threading.Event()
            threading.Thread(target=self._keep, args=(names, owner, done), daemon=True).start()
            try:
                yield
            finally:
                done.set()
        finally:
            # Whatever happens here, the lease ends by itself; the work that was done under it stays done.
            with suppress(BackendError):
                self._run(self._leave, names, [owner])

    def _wait(self, names: list[str], owner: str, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while (place := self._run(self._acquire, names, [owner, round(_LEASE * 1000)])) > 0:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Busy(f"Another process has held this for {timeout:g} seconds. Try again later.")
            time.sleep(min(place * _ASKED_AGAIN, left))

    def _keep(self, names: list[str], owner: str, done: threading.Event) -> None:
        while not done.wait(_RENEWED):
            try:
                kept = self._run(self._renew, names[:1], [owner, round(_LEASE * 1000)])
            except BackendError as error:
                log.warning("A hold could not be renewed: %s", error)
                continue  # the server may be back before the lease ends
            if not kept and not done.is_set():
                log.warning("A hold ended while it was needed: this process or Redis stood still for too long")
                return

    def reserve(self, key: str, rates: Sequence[Rate], longest: float) -> float:
        """Take the next free slot that all rates allow, and return how many seconds from now it is."""
        spacing = math.ceil(max(rate.spacing for rate in rates) * 1e6)
        taken, away = self._run(self._reserve, [_name(key, "slots")], [spacing, math.floor(longest * 1e6)])
        if not taken:
            raise Busy.until_slot(away / 1e6, longest)
        return float(away / 1e6)

    def block(self, key: str, seconds: float) -> None:
        """Give no slot of the key for so long from now, to anybody."""
        self._run(self._block, [_name(key, "slots")], [math.ceil(seconds * 1e6)])

    def read(self, key: str) -> bytes | None:
        """Return the record, or None; see `DurableBackend`."""
        with spoken():
            record: bytes | None = self._ask("GET", _name(key, "record"), NEVER_DECODE=True)
        return record

    def compare_and_set(self, key: str, old: bytes | None, new: bytes) -> bool:
        """Write the record if it is still `old`; see `DurableBackend`. As durable as the server is told to be."""
        return bool(
            self._run(self._compare_and_set, [_name(key, "record")], [old or b"", new, round(RECORD_SECONDS * 1000)])
        )

    def close(self) -> None:
        """Let go of the connections that are not in use."""
        self._client.connection_pool.disconnect(inuse_connections=False)

    def _run(self, script: Any, names: list[str], arguments: list[object]) -> Any:
        with spoken():
            return script(keys=names, args=arguments)


def _name(key: str, part: str) -> str:
    # The braces put all that belongs to one key on one node of a cluster: a script reaches no further.
    return f"meetings:{{{hashlib.sha256(key.encode()).hexdigest()[:32]}}}:{part}"
