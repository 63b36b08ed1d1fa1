"""The list that holds the injected faults of one type."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Generic, TypeVar

Fault = TypeVar("Fault")


class FaultList(Generic[Fault]):
    """Hold the injected faults of one type; safe to use from the server's thread and the test's."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.RLock()

    def _append(self, fault: Fault) -> Fault:
        with self._lock:
            self._faults.append(fault)
        return fault

    def __iter__(self) -> Iterator[Fault]:
        with self._lock:
            return iter(list(self._faults))

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._faults.clear()


def check_counts(times: int | None, skip: int) -> None:
    """Check how many requests a fault affects and how many pass before.

    :raises ValueError: a number is out of range.
    """
    if times is not None and times < 1:
        raise ValueError("times must be 1 or more, or None for all requests")
    if skip < 0:
        raise ValueError("skip must be 0 or more")
