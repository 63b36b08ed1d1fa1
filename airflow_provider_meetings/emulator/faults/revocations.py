"""Tokens that become void at a given request: between two pages, or between a link and its bytes, without a race."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from airflow_provider_meetings.emulator.model.endpoints import selected


@dataclass(slots=True)
class Revocation:
    """One order: ``token``, or all access tokens, become void when ``left`` more requests have been done."""

    endpoint: str
    left: int
    token: str | None = None


class Revocations:
    """Keep the orders and count the requests.

    :param revoke: voids a token, or all for None.
    """

    def __init__(self, revoke: Callable[[str | None], object]) -> None:
        self._revoke = revoke
        self._orders: list[Revocation] = []
        self._lock = threading.Lock()

    def order(self, endpoint: str, requests: int = 1, token: str | None = None) -> Revocation:
        """Void all access tokens, or ``token``, once ``requests`` more requests to ``endpoint`` have been done.

        The last of them is still answered as its token deserves; whatever comes after it meets void tokens.

        :raises ValueError: no such endpoint, or fewer than 1 request.
        """
        selected(endpoint)
        if requests < 1:
            raise ValueError("requests must be 1 or more")
        revocation = Revocation(endpoint, requests, token)
        with self._lock:
            self._orders.append(revocation)
        return revocation

    def count(self, endpoint: str) -> None:
        """Count a request that has been done and is about to be answered."""
        with self._lock:
            if not self._orders:
                return
            for order in self._orders:
                order.left -= order.endpoint in (endpoint, f"{endpoint.partition('.')[0]}.*")
            due = [order for order in self._orders if order.left <= 0]
            self._orders = [order for order in self._orders if order.left > 0]
        for order in due:
            self._revoke(order.token)

    def clear(self) -> None:
        """Forget the orders."""
        with self._lock:
            self._orders.clear()

    def __iter__(self) -> Iterator[Revocation]:
        with self._lock:
            return iter(list(self._orders))
