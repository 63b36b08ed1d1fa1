"""What processes share, in as few words as a file, a Redis and a database can all say.

A key names a thing and holds no secret; it may be long. A value is opaque bytes: whoever stores a secret encrypts it
first. Times are seconds. Each backend is one file in this folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from airflow_provider_meetings.api.http.rate_limit import Rate

RECORD_SECONDS = 400 * 86400
"""A record that nobody has replaced for so long is of no use to anybody: a consent lasts a year."""


class BackendError(Exception):
    """Say that what is shared cannot be reached or written; the text says what to do, and shows no value."""


class Busy(BackendError):
    """Say that somebody else has the key, or the slots, for longer than we would wait.

    :param seconds: how far away the next slot is; 0 where nobody can tell.
    """

    def __init__(self, text: str, seconds: float = 0.0) -> None:
        super().__init__(text)
        self.seconds = seconds

    @classmethod
    def until_slot(cls, seconds: float, longest: float) -> Busy:
        """Say how far away the next free slot is, and for how long we would have waited."""
        return cls(f"the next free slot is {seconds:.1f} s away, the longest to wait is {longest:g} s", seconds)


class Backend(Protocol):
    """Share values, holds and slots between everyone who uses the same backend. Used by several threads at once."""

    def get(self, key: str) -> bytes | None:
        """Return what was set; None for nothing, and for what has run out."""

    def set(self, key: str, value: bytes, lifetime: float) -> None:
        """Set a value whole or not at all; it runs out after `lifetime` seconds."""

    def lock(self, key: str, timeout: float) -> AbstractContextManager[None]:
        """Be the only one who holds the key, in the order of asking where the backend can keep one.

        A hold ends with its process, however that ends, within 2 seconds.

        :raises Busy: after `timeout` seconds.
        """

    def reserve(self, key: str, rates: Sequence[Rate], longest: float) -> float:
        """Take the next free slot that all rates allow, and return how many seconds from now it is.

        Slots are given in the order of asking. A clock that jumps brings neither a burst nor a long wait.

        :param longest: take no slot that is further away.
        :raises Busy: if the next one is; nothing is taken then.
        """

    def block(self, key: str, seconds: float) -> None:
        """Give no slot of the key for so long from now, to anybody; a shorter word changes nothing."""

    def close(self) -> None:
        """Let go of files and connections."""


class DurableBackend(Backend, Protocol):
    """Keep besides what must not be lost: records of single-use tokens. Only backends that outlive a process can."""

    def read(self, key: str) -> bytes | None:
        """Return the record of the key; None if there is none. It is no value: `get` and `set` know nothing of it."""

    def compare_and_set(self, key: str, old: bytes | None, new: bytes) -> bool:
        """Write the record of the key if it is still `old`, in one piece, and so that it outlives a crash.

        True only once it is written for good. Asked again with the same `new` after an answer was lost, it is true
        as well: `new` must therefore be like no record before.

        :param old: what was read; None for no record.
        :returns: False if another one has written meanwhile; nothing is written then.
        """
