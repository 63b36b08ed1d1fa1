"""When a wait is over: the one rule that the sensor and its trigger share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from airflow_provider_meetings.api.errors import Gone, MeetingsApiError, NotFound, PermissionDenied
from airflow_provider_meetings.api.models import Recording, RecordingState

Until = Literal["ready", "settled"]

_FAILURES: dict[RecordingState, type[MeetingsApiError]] = {
    RecordingState.GONE: Gone,
    RecordingState.FORBIDDEN: PermissionDenied,
    RecordingState.UNKNOWN: NotFound,
}


def over(recordings: Sequence[Recording], until: Until) -> bool:
    """Tell whether the wait is over: all ready, or (``settled``) each with an answer. No recording at all waits on.

    :raises Gone, PermissionDenied, NotFound: with ``ready``, for a recording that will never be.
    """
    if until == "ready":
        for recording in recordings:
            if failure := _FAILURES.get(recording.state):
                raise failure(
                    f"{recording.platform} recording {recording.label} will never be ready, it is {recording.state}: "
                    f"{recording.reason or 'no reason given'}",
                    next_step="Leave it out, or wait with until='settled' to take this as an answer.",
                )
    return bool(recordings) and not any(r.state.waits for r in recordings)


def waiting(recordings: Sequence[Recording]) -> str:
    """Name what still waits, by ids and states, for a log line."""
    names = [f"{r.label} ({r.state})" for r in recordings if r.state.waits]
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "") or "nothing listed yet"


def overdue(recordings: Sequence[Recording]) -> tuple[Recording, ...]:
    """Give what still waits the state ``overdue``, with the state it had as the reason."""
    return tuple(
        replace(r, state=RecordingState.OVERDUE, reason=f"still {r.state} at the deadline") if r.state.waits else r
        for r in recordings
    )
