"""Injected errors: the next requests to an endpoint fail with a chosen code."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_meetings.emulator.codes.registry import find
from airflow_provider_meetings.emulator.faults.fault_list import EndpointFaults, check_counts
from airflow_provider_meetings.emulator.model.endpoints import matching_endpoints


@dataclass(slots=True)
class Failure:
    """One injected error. ``times`` None: until it is cleared. ``body``, if any, is the whole answer.

    ``explicit``: the test gave the status or the message, so they replace the vendor's.
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


class Failures(EndpointFaults[Failure]):
    """Hold the injected errors, and return for each request the first that applies to it."""

    def add(
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
        """Answer the next requests to ``endpoint`` with an error.

        :param endpoint: a name in `emulator.model.endpoints.ENDPOINTS`, or ``feishu.*`` or ``wecom.*``.
        :param code: the vendor's code. A code that no document names needs a ``message``.
        :param times: how many requests fail; None: all until it is cleared.
        :param skip: how many requests succeed before.
        :param status: the HTTP status; None: the vendor's.
        :param message: the message; None: the vendor's.
        :param reset: the seconds in ``x-ogw-ratelimit-reset``, for 99991400.
        :param body: answer this text instead of the vendor's JSON, as a gateway does.
        :raises ValueError: the endpoint is unknown, an undocumented code has no message, or a number is out of range.
        """
        platform = matching_endpoints(endpoint)[0].platform
        row = find(endpoint, code)
        if row is None and message is None and body is None:
            raise ValueError(f"no {platform} document names the code {code}; pass a message to use it anyway")
        check_counts(times, skip)
        if reset < 0:
            raise ValueError("reset must be 0 or more")
        explicit = status is not None or message is not None
        if status is None:
            status = row.status if row else 200 if platform == "wecom" else 400
        if not 200 <= status <= 599:
            raise ValueError("status must be from 200 to 599")
        text = message if message is not None else row.message if row else ""
        return self._append(Failure(endpoint, code, status, text, times, skip, reset, body, explicit))
