"""Close the items whose recordings were landed and loaded; what failed or is still pending stays open."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from airflow_provider_meetings.api.ledger.items import Settled, key_of, recording_digest
from airflow_provider_meetings.api.ledger.ledger import check_first, new_entry
from airflow_provider_meetings.api.ledger.state import State
from airflow_provider_meetings.api.models import Recording, RecordingState, StoredFile

SPEAKERS = "speakers"
"""Stands among the missing kinds for a transcript whose speakers the platform may still change."""
_OTHER_KINDS = "Land the kinds of the ledger; or begin a new one, in an empty folder, for listing and load."
_ABSENT, _REFUSED, _FAILED = "absent", "refused", "failed"


def settle(
    state: State,
    entries: Collection[str],
    recordings: Iterable[Recording],
    stored_files: Iterable[StoredFile] | None,
    *,
    unfinished: Collection[str],
) -> State:
    """Return what to write into the ledger. What is settled is settled as of the moment of asking.

    :param state: what the ledger holds.
    :param entries: those of the listings that returned the recordings.
    :param stored_files: None if no files are landed; then a ready recording is settled by its rows alone.
    :param unfinished: ids of recordings with transcripts whose speakers are not final.
    :raises InvalidRequest: if the ledger waits for other kinds of files.
    """
    changes, entry, families, asked = State(), new_entry(), set[str](), 0.0
    files: dict[str, list[StoredFile]] = {}
    for file in stored_files or ():
        files.setdefault(file.recording_id, []).append(file)
    for recording in recordings:
        item = state.items.get(key_of(recording))
        found = files.get(recording.recording_id or "", [])
        ready = recording.state is RecordingState.READY
        if item is None or recording.state.is_pending or recording.state is RecordingState.OVERDUE:
            continue
        if ready and stored_files is not None:
            if not found or any(file.outcome == _FAILED for file in found):
                continue
            families.update(_family(file) for file in found)
        at = recording.asked_at.timestamp() if recording.asked_at else item.seen.at
        asked = max(asked, at)
        missing = _families(found, _ABSENT)
        if recording.recording_id in unfinished:
            missing.append(SPEAKERS)
        changes.items[key_of(recording)] = item.replace(
            closed=item.closed | item.opened.intersection(entries),
            settled=Settled(
                at=at,
                entry=entry,
                digest=recording_digest(recording),
                missing=tuple(missing),
                refused=tuple(_families(found, _REFUSED)),
            ),
            settled_at=at if item.settled_at is None else min(at, item.settled_at),
        )
    if families:
        kinds = tuple(sorted(families))
        check_first(state.kinds, kinds, "a pipeline that lands", _OTHER_KINDS)
        changes.kinds = (asked, entry, kinds)
    return changes


def _families(files: Iterable[StoredFile], outcome: str) -> list[str]:
    return sorted({_family(file) for file in files if file.outcome == outcome})


def _family(file: StoredFile) -> str:
    return file.kind.partition("-")[0]
