"""Tokens that the platform voids at a given moment of the traffic."""

from __future__ import annotations

from collections.abc import Callable

from airflow_provider_meetings.emulator.state.emulator import EmulatorState, RequestRecord


def at_requests(state: EmulatorState, path: str, *numbers: int, do: Callable[[], None] | None = None) -> None:
    """Void all access tokens when the requests of these numbers to a path come in, before they are answered.

    :param path: part of the path.
    :param numbers: from 1 on, counted from now.
    :param do: do this instead.
    """
    log, seen = state.log, 0

    def logged(record: RequestRecord) -> None:
        nonlocal seen
        log(record)
        if path in record.path:
            seen += 1
            if seen in numbers:
                (do or state.revoke_tokens)()

    state.log = logged  # type: ignore[method-assign]  # what a test hooks in
