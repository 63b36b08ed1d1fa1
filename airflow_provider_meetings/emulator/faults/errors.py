"""Refusals that a test orders: the next requests to an endpoint answer with a given code."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

from airflow_provider_meetings.emulator.codes.registry import find
from airflow_provider_meetings.emulator.model.endpoints import selected


@dataclass(slots=True)
class Failure:
    """One order; ``times`` None lasts until it is cleared. ``body``, where given, is answered as it is.

    ``explicit``: status or message were given, and are not the vendor's.
    """

    endpoint: str
    code: int
    status: int
    message: str
    times: int | None = 1
    skip: int = 0
    reset: int = 1
    body: str | None = None
    explicit: bool = False


class Failures:
    """Keep the orders, and give each request the first that applies to it."""

    def __init__(self) -> None:
        self._orders: list[Failure] = []
        self._lock = threading.Lock()

    def order(
        self,
        endpoint: str,
        code: int,
        *,
        times: int | None = 1,
        skip: int = 0,
        status: int | None = None,
        message: str | None = None,
        reset: int = 1,
        body: str | None = None,
    ) -> Failure:
        """Let requests to ``endpoint`` fail; status and message are the vendor's unless given.

        :param endpoint: a name in `emulator.model.endpoints.ENDPOINTS`, or ``feishu.*`` or ``wecom.*``.
        :param code: the vendor's code. One that no document lists is allowed, with a ``message``.
        :param times: how many requests fail; None for all until cleared.
        :param skip: how many are answered as usual before.
        :param reset: the seconds in ``x-ogw-ratelimit-reset``, for 99991400.
        :param body: answer this text with ``status``, as a gateway between would, instead of the vendor's JSON.
        :raises ValueError: no such endpoint; an unlisted code without a message; a number out of range.
        """
        platform = selected(endpoint)[0].platform
        row = find(endpoint, code)
        if row is None and message is None and body is None:
            raise ValueError(f"code {code} is in no table of {platform}; give a message to answer it all the same")
        if times is not None and times < 1:
            raise ValueError("times must be 1 or more, or None for all")
        if skip < 0 or reset < 0:
            raise ValueError("skip and reset must be 0 or more")
        explicit = status is not None or message is not None
        if status is None:
            status = row.status if row else 200 if platform == "wecom" else 400
        if not 200 <= status <= 599:
            raise ValueError("status must be from 200 to 599")
        text = message if message is not None else row.message if row else ""
        failure = Failure(endpoint, code, status, text, times, skip, reset, body, explicit)
        with self._lock:
            self._orders.append(failure)
        return failure

    def take(self, endpoint: str) -> Failure | None:
        """Return what the next request to ``endpoint`` fails with, and count it."""
        with self._lock:
            for failure in self._orders:
                if failure.endpoint not in (endpoint, f"{endpoint.partition('.')[0]}.*"):
                    continue
                if failure.skip:
                    failure.skip -= 1
                    return None
                if failure.times is not None:
                    failure.times -= 1
                    if not failure.times:
                        self._orders.remove(failure)
                return failure
        return None

    def clear(self, endpoint: str | None = None) -> None:
        """Forget the orders for ``endpoint`` as it was named; all if None."""
        with self._lock:
            self._orders = [failure for failure in self._orders if endpoint not in (None, failure.endpoint)]

    def __iter__(self) -> Iterator[Failure]:
        with self._lock:
            return iter(list(self._orders))
