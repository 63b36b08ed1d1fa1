"""What `ListRecordingsOperator` does with a ledger: read it, list by it, write what is open."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pendulum import DateTime

from airflow_provider_meetings.api.client import MeetingsClient
from airflow_provider_meetings.api.ledger.ledger import Ledger, check_first
from airflow_provider_meetings.api.ledger.listing import LedgerListing, landed_keys
from airflow_provider_meetings.api.ledger.run import LedgerRun
from airflow_provider_meetings.api.models import Recording
from airflow_provider_meetings.api.query import SELECTORS, RecordingQuery
from airflow_provider_meetings.api.windows import Report
from airflow_provider_meetings.hooks.metrics import AirflowMeter
from airflow_provider_meetings.hooks.stores import store_at

if TYPE_CHECKING:
    from airflow.sdk.types import Logger


class ListingByLedger:
    """One listing by the ledger at a URL.

    :param query: the ids to list by; none lists by the windows alone.
    :raises InvalidRequest: for an unreadable ledger, and for that of another platform or tenant.
    """

    def __init__(
        self,
        url: str,
        client: MeetingsClient,
        context: Any,
        *,
        query: RecordingQuery,
        start: DateTime | None,
        end: DateTime | None,
        revisit: timedelta,
    ) -> None:
        store = store_at(url, "ledger")
        self._now = client.clock()
        self._ledger = Ledger(store)
        self._state = self._ledger.read()
        self._revisit = revisit.total_seconds()
        self._pipeline = (client.platform, client.tenant)
        check_first(self._state.pipeline, self._pipeline, "another pipeline:")
        ti = context["ti"]
        self._run = LedgerRun(
            self._state,
            run=f"{ti.dag_id}/{ti.run_id}/{ti.task_id}/{ti.map_index}",
            now=self._now,
            revisit=self._revisit,
            landed=landed_keys(store) if self._state.pipeline is None else frozenset(),
        )
        self._listing = LedgerListing(
            client,
            self._run,
            ids={name: getattr(query, name) for name in SELECTORS},
            start=start.timestamp() if start else None,
            end=end.timestamp() if end else None,
            now=self._now,
        )
        store.check_writable()

    @property
    def entry(self) -> str:
        """Return the entry that opens what is returned; its load closes it."""
        return self._run.entry

    def recordings(self, report: Report) -> Iterator[Recording]:
        """Yield the recordings that must be landed or loaded."""
        return self._listing.recordings(report)

    def write(self, log: Logger) -> None:
        """Write what the listing has found; before its recordings are returned.

        :raises StoreError: if the store fails.
        """
        changes = self._run.changes
        changes.pipeline = (self._now, self._run.entry, self._pipeline)
        changes.watched = (self._now, self._run.entry, self._revisit)
        self._ledger.write(changes)
        self._state.merge(changes)
        self._ledger.compact(self._state, self._now)
        AirflowMeter().ledger(self._state, self._now, self._listing.selectors)
        opened = sum(item.is_open for item in self._state.items.values())
        log.info("The ledger %s has %d open items", self._ledger.uri, opened)
