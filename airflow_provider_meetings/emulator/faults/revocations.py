"""Ordered revocations: tokens become invalid after a given request, such as between two pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from airflow_provider_meetings.emulator.faults.orders import Orders
from airflow_provider_meetings.emulator.model.endpoints import applies_to, selected


@dataclass(slots=True)
class Revocation:
    """One order: revoke ``token``, or all access tokens, after ``left`` more requests."""

    endpoint: str
    left: int
    token: str | None = None


class Revocations(Orders[Revocation]):
    """Hold the ordered revocations and count the requests.

    :param revoke: revokes one token; all access tokens for None.
    """

    def __init__(self, revoke: Callable[[str | None], object]) -> None:
        super().__init__()
        self._revoke = revoke

    def order(self, endpoint: str, requests: int = 1, token: str | None = None) -> Revocation:
        """Revoke all access tokens, or ``token``, after ``requests`` more requests to ``endpoint``.

        The last of these requests is still answered as usual.

        :raises ValueError: the endpoint is unknown, or ``requests`` is below 1.
        """
        selected(endpoint)
        if requests < 1:
            raise ValueError("requests must be 1 or more")
        return self._add(Revocation(endpoint, requests, token))

    def count(self, endpoint: str) -> None:
        """Count a request that was processed and whose response was not sent yet."""
        with self._lock:
            for order in self._orders:
                order.left -= applies_to(order.endpoint, endpoint)
            due = [order for order in self._orders if order.left <= 0]
            self._orders = [order for order in self._orders if order.left > 0]
        for order in due:
            self._revoke(order.token)
