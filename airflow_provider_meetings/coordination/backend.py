"""The protocol of coordination backends, which share values, locks and slots between processes.

A key holds no secret and may be long. A value is opaque bytes; callers encrypt secrets. Times are seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from airflow_provider_meetings.api.http.rate_limit import Rate

RECORD_SECONDS = 400 * 86400
"""Lifetime of a record since it was last replaced. A consent lasts a year."""


class BackendError(Exception):
    """The backend cannot be reached or written. The text names the remedy and shows no value."""


class Busy(BackendError):
    """Another process holds the lock, or the next slot is further away than the caller waits.

    :param seconds: seconds until the next slot; 0 if unknown.
    """

    def __init__(self, text: str, seconds: float = 0.0) -> None:
        super().__init__(text)
        self.seconds = seconds

    @classmethod
    def lock(cls, timeout: float) -> Busy:
        return cls(f"Another process has held this lock for {timeout:g} seconds. Try again later.")

    @classmethod
    def until_slot(cls, seconds: float, max_wait: float) -> Busy:
        return cls(f"the next free slot is {seconds:.1f} s away; the longest wait allowed is {max_wait:g} s", seconds)


class Backend(Protocol):
    """Share values, locks and slots between all who use the same backend. Thread-safe."""

    def get(self, key: str) -> bytes | None:
        """Return a value; None if there is none, it has expired, or it lives too long; see `stored`."""

    def set(self, key: str, value: bytes, lifetime: float) -> None:
        """Set a value atomically; it expires after `lifetime` seconds."""

    def lock(self, key: str, timeout: float) -> AbstractContextManager[None]:
        """Hold the lock of the key exclusively; first come, first served, if the backend supports it.

        The lock ends within 2 seconds after its process ends, in whatever way.

        :raises Busy: after `timeout` seconds.
        """

    def reserve(self, key: str, rates: Sequence[Rate], max_wait: float) -> float:
        """Take the next free slot that all rates allow, and return how many seconds from now it is.

        Slots are reserved in the order of the requests. Setting the clock causes neither a burst nor a long wait.

        :param max_wait: take no slot that is further away.
        :raises Busy: if the next slot is; none is taken then.
        """

    def block(self, key: str, seconds: float) -> None:
        """Give out no slot of the key for `seconds` from now. A block that ends later stays in force."""

    def close(self) -> None:
        """Close files and connections, if there are any."""
        return


class DurableBackend(Backend, Protocol):
    """Also keep records that must not be lost, such as single-use tokens."""

    def read(self, key: str) -> bytes | None:
        """Return the record of the key, or None. Records are independent of the values of `get` and `set`."""

    def compare_and_set(self, key: str, old: bytes | None, new: bytes) -> bool:
        """Replace the record of the key atomically if it is still `old`. The write survives a crash.

        A repeated call with the same `new`, after its answer was lost, returns True as well: each `new` must
        therefore differ from all earlier records.

        :param old: the record as it was read; None for no record.
        :returns: False if another process has changed the record; nothing is written then.
        """
