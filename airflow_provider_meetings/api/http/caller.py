"""Those who share a transport."""

from __future__ import annotations

from airflow_provider_meetings.api.http.cancellation import Cancellation
from airflow_provider_meetings.api.http.usage import Usage


class Caller(Cancellation):
    """One of those who share a transport: its calls are counted and cancelled apart from those of the others."""

    def __init__(self) -> None:
        super().__init__()
        self.usage = Usage()
        self.repeat_failures = True
        """Whether calls are repeated that the platform fails to answer; a poll sends them once."""
