"""Where no connection of a platform is at hand: the core's errors as Airflow's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_meetings.api.errors import MeetingsApiError


@contextmanager
def airflow_errors() -> Iterator[None]:
    """Turn the core's errors into Airflow's: permanent ones are not tried again."""
    try:
        yield
    except MeetingsApiError as error:
        raise (AirflowFailException if error.permanent else AirflowException)(str(error)) from error
