"""Injected errors: the next requests to an endpoint fail with a chosen code."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_meetings.emulator.codes.registry import find
from airflow_provider_meetings.emulator.faults.fault_list import EndpointFaults
from airflow_provider_meetings.emulator.model.endpoints import matching_endpoints


@dataclass(slots=True)
class Failure:
    """One injected error; the arguments of :meth:`Failures.add`."""

    endpoint: str
    code: int
    times: int | None
    skip: int
    status: int | None
    message: str | None
    reset: int
    body: str | None


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
        if message is None and body is None and find(endpoint, code) is None:
            raise ValueError(f"no {platform} document names the code {code}; pass a message to use it anyway")
        if reset < 0:
            raise ValueError("reset must be 0 or more")
        if status is not None and not 200 <= status <= 599:
            raise ValueError("status must be from 200 to 599")
        return self._append(Failure(endpoint, code, times, skip, status, message, reset, body))
