"""Close the items of a ledger after their rows are committed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.ledger.ledger import Ledger
from airflow_provider_meetings.api.ledger.settle import settle
from airflow_provider_meetings.api.models import Recording, StoredFile
from airflow_provider_meetings.hooks import arguments
from airflow_provider_meetings.hooks.stores import store_at
from airflow_provider_meetings.transfers.transcript_files import read_artifacts

if TYPE_CHECKING:
    from airflow.sdk.types import Logger


def close_items(
    url: str, *, recordings: Any, stored_files: Any, summary: Any, context: Any, log: Logger
) -> dict[str, int]:
    """Close the items of recordings that are landed and loaded.

    :param url: the ledger.
    :param stored_files: None if no files are landed.
    :param summary: of the listings that returned the recordings, by the same ledger.
    :returns: the number of items ``closed`` and ``left_open``.
    :raises InvalidRequest: for the summary of a listing without a ledger; see also `settle`.
    """
    entries = {one.get("ledger") for one in arguments.items(summary, "summary", context)} if summary else {None}
    if None in entries:
        raise InvalidRequest(
            "ledger: summary must be that of a listing by this ledger",
            next_step='Give the listing the same ledger, and pass XComArg(listing, key="summary").',
        )
    ledger = Ledger(store_at(url, "ledger"))
    changes = settle(
        ledger.read(),
        {str(entry) for entry in entries},
        arguments.values(Recording, recordings, "recordings", context),
        None if stored_files is None else list(arguments.values(StoredFile, stored_files, "stored_files", context)),
        unfinished={file.recording_id for file in _unfinished(stored_files, context)},
    )
    if changes.items:
        ledger.write(changes)
    left = sum(item.is_open for item in changes.items.values())
    log.info(
        "Closed %d items of the ledger %s; %d were opened again since", len(changes.items) - left, ledger.uri, left
    )
    return {"closed": len(changes.items) - left, "left_open": left}


def _unfinished(stored_files: Any, context: Any) -> Iterator[StoredFile]:
    """Yield the transcripts whose speakers the platform may still change."""
    if stored_files is None:
        return
    for content in read_artifacts(arguments.values(StoredFile, stored_files, "stored_files", context)):
        if any(row.get("speaker_final") is False for row in content.rows):
            yield StoredFile.from_dict(content.file)
