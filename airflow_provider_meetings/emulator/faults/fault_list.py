"""The list that holds the injected faults of one type."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from airflow_provider_meetings.emulator.model.endpoints import applies_to, matching_endpoints


class CountedFault(Protocol):
    """A fault of the next ``times`` requests to ``endpoint``, after the first ``skip``; None: until it is cleared."""

    endpoint: str
    times: int | None
    skip: int


Fault = TypeVar("Fault")
Counted = TypeVar("Counted", bound=CountedFault)


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


class EndpointFaults(FaultList[Counted]):
    """Hold the injected faults of requests, and return for each request the first that applies to it."""

    def _append(self, fault: Counted) -> Counted:
        """Add a fault.

        :raises ValueError: the endpoint is unknown, or a number is out of range.
        """
        matching_endpoints(fault.endpoint)
        if fault.times is not None and fault.times < 1:
            raise ValueError("times must be 1 or more, or None for all requests")
        if fault.skip < 0:
            raise ValueError("skip must be 0 or more")
        return super()._append(fault)

    def take(self, endpoint: str) -> Counted | None:
        """Return the fault of the next request to ``endpoint``, and count the request."""
        with self._lock:
            for fault in self._faults:
                if not applies_to(fault.endpoint, endpoint):
                    continue
                if fault.skip:
                    fault.skip -= 1
                    return None
                if fault.times is not None:
                    fault.times -= 1
                    if not fault.times:
                        self._faults.remove(fault)
                return fault
        return None

    def clear(self, endpoint: str | None = None) -> None:
        """Remove the faults that were added for exactly this ``endpoint``; None: all faults."""
        with self._lock:
            self._faults = [fault for fault in self._faults if endpoint not in (None, fault.endpoint)]
