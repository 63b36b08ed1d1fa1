"""Injected revocations: tokens become invalid after a chosen request, such as between two pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from airflow_provider_meetings.emulator.faults.fault_list import FaultList
from airflow_provider_meetings.emulator.model.endpoints import applies_to, matching_endpoints


@dataclass(slots=True)
class Revocation:
    """One injected revocation: revoke ``token``, or all access tokens, after ``left`` more requests."""

    endpoint: str
    left: int
    token: str | None = None


class Revocations(FaultList[Revocation]):
    """Hold the injected revocations and count the requests.

    :param revoke: revokes one token; all access tokens for None.
    """

    def __init__(self, revoke: Callable[[str | None], object]) -> None:
        super().__init__()
        self._revoke = revoke

    def add(self, endpoint: str, requests: int = 1, token: str | None = None) -> Revocation:
        """Revoke all access tokens, or ``token``, after ``requests`` more requests to ``endpoint``.

        The last of these requests is still answered as usual.

        :raises ValueError: the endpoint is unknown, or ``requests`` is below 1.
        """
        matching_endpoints(endpoint)
        if requests < 1:
            raise ValueError("requests must be 1 or more")
        return self._append(Revocation(endpoint, requests, token))

    def count(self, endpoint: str) -> None:
        """Count a processed request before its response is sent."""
        with self._lock:
            for revocation in self._faults:
                revocation.left -= applies_to(revocation.endpoint, endpoint)
            due = [revocation for revocation in self._faults if revocation.left <= 0]
            self._faults = [revocation for revocation in self._faults if revocation.left > 0]
        for revocation in due:
            self._revoke(revocation.token)
