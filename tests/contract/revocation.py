"""Revoke access tokens when the emulator receives a given request."""

from __future__ import annotations

from airflow_provider_meetings.emulator.state.emulator import EmulatorState, RequestRecord


def revoke_at_requests(state: EmulatorState, path: str, *numbers: int) -> None:
    """Revoke all access tokens when these requests arrive, before they are answered.

    :param path: part of the requests' path.
    :param numbers: numbers of the matching requests, counted from 1.
    """
    log, count = state.log, 0

    def log_and_revoke(record: RequestRecord) -> None:
        nonlocal count
        log(record)
        if path in record.path:
            count += 1
            if count in numbers:
                state.revoke_tokens()

    state.log = log_and_revoke  # type: ignore[method-assign]
