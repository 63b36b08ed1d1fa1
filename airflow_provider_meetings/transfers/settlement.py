"""Close the items of a ledger after their rows are committed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.ledger.ledger import Ledger
from airflow_provider_meetings.api.ledger.report import projection
from airflow_provider_meetings.api.ledger.settle import settle
from airflow_provider_meetings.api.models import Recording, StoredFile
from airflow_provider_meetings.hooks import arguments
from airflow_provider_meetings.hooks.stores import store_at
from airflow_provider_meetings.transfers.transcript_files import read_artifacts

if TYPE_CHECKING:
    from airflow.sdk.types import Logger


class Settlement:
    """Close the items of recordings that are landed and loaded: read the ledger before the load, write it after.

    :param url: the ledger.
    :param stored_files: None if no files are landed.
    :param summary: of the listings that returned the recordings, by the same ledger.
    :raises InvalidRequest: for the summary of a listing without a ledger; see also `settle`.
    """

    def __init__(self, url: str, *, recordings: Any, stored_files: Any, summary: Any, context: Any) -> None:
        self._ledger = Ledger(store_at(url, "ledger"))
        entries = {one.get("ledger") for one in arguments.items(summary, "summary", context)} if summary else {None}
        if None in entries:
            raise InvalidRequest(
                "ledger: summary must be that of a listing by this ledger",
                next_step='Give the listing the same ledger, and pass XComArg(listing, key="summary").',
            )
        self._state = self._ledger.read()
        self._changes = settle(
            self._state,
            {str(entry) for entry in entries},
            arguments.values(Recording, recordings, "recordings", context),
            None if stored_files is None else list(arguments.values(StoredFile, stored_files, "stored_files", context)),
            unfinished={file.recording_id for file in _unfinished(stored_files, context)},
        )
        self._state.merge(self._changes)

    def projection(self) -> dict[str, Any]:
        """Return what the ledger says after `write`; see `report.projection`."""
        return projection(self._state)

    def write(self, log: Logger) -> dict[str, int]:
        """Close the items; return how many are ``closed`` and ``left_open``.

        :raises StoreError: if the store fails: then they may be closed, or are closed by the next run.
        """
        items = self._changes.items
        if items:
            self._ledger.write(self._changes)
        left = sum(item.is_open for item in items.values())
        log.info(
            "Closed %d items of the ledger %s; %d were opened again since", len(items) - left, self._ledger.uri, left
        )
        return {"closed": len(items) - left, "left_open": left}


def _unfinished(stored_files: Any, context: Any) -> Iterator[StoredFile]:
    """Yield the transcripts whose speakers the platform may still change."""
    if stored_files is None:
        return
    for content in read_artifacts(arguments.values(StoredFile, stored_files, "stored_files", context)):
        if any(row.get("speaker_final") is False for row in content.rows):
            yield StoredFile.from_dict(content.file)
