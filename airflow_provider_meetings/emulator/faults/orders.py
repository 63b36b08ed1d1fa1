"""The list of orders that the faults have in common."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Generic, TypeVar

Order = TypeVar("Order")


class Orders(Generic[Order]):
    """Hold the orders of one kind of fault; safe to use from the server's thread and the test's."""

    def __init__(self) -> None:
        self._orders: list[Order] = []
        self._lock = threading.RLock()

    def _add(self, order: Order) -> Order:
        with self._lock:
            self._orders.append(order)
        return order

    def __iter__(self) -> Iterator[Order]:
        with self._lock:
            return iter(list(self._orders))

    def clear(self) -> None:
        """Remove all orders."""
        with self._lock:
            self._orders.clear()


def check_counts(times: int | None, skip: int) -> None:
    """Check how many requests an order affects and how many pass before.

    :raises ValueError: a number is out of range.
    """
    if times is not None and times < 1:
        raise ValueError("times must be 1 or more, or None for all requests")
    if skip < 0:
        raise ValueError("skip must be 0 or more")
