"""List by a ledger: each selector from where its listings ended, then what no listing shows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import Any

import pendulum

from airflow_provider_meetings.api.client import MeetingsClient
from airflow_provider_meetings.api.landing.layout import RECEIPT_SUFFIX
from airflow_provider_meetings.api.landing.receipt import Receipt
from airflow_provider_meetings.api.landing.store import Store
from airflow_provider_meetings.api.ledger.run import LedgerRun
from airflow_provider_meetings.api.models import Recording
from airflow_provider_meetings.api.query import SELECTORS, WINDOW, RecordingQuery
from airflow_provider_meetings.api.windows import ListedWindow, Report, WindowOutcome

_SINGLE = 1000
"""How many recordings are asked for by their ids in one query."""
_WHOLE = frozenset({WindowOutcome.COMPLETE, WindowOutcome.HALVED})


class LedgerListing:
    """One listing by a ledger.

    :param ids: by the names of selectors; none lists the windows alone.
    :param start: seconds since the epoch; together with `end` the window of this run, alone where the ledger begins.
    """

    def __init__(
        self,
        client: MeetingsClient,
        run: LedgerRun,
        *,
        ids: Mapping[str, Collection[str]],
        start: float | None,
        end: float | None,
        now: float,
    ) -> None:
        self._client = client
        self._run = run
        self._ids = ids
        self._start = start
        self._end = end
        self._now = now

    def recordings(self, report: Report) -> Iterator[Recording]:
        """Yield the recordings that must be landed or loaded; afterwards the run has what is to be written.

        :raises MeetingsApiError: if a selector cannot be listed whole.
        """
        selected = [(name, value) for name in SELECTORS for value in self._ids.get(name, ())]
        for name, value in selected or [(WINDOW, "")]:
            yield from self._of_selector(name, value, report)
        # A backfill leaves what else is due to the run that continues.
        refs = self._run.due() if self._end is None else iter(())
        while some := tuple(islice(refs, _SINGLE)):
            query = RecordingQuery(recordings=some)
            yield from filter(None, map(self._run.take, self._client.list(query, report)))

    def _of_selector(self, name: str, value: str, report: Report) -> Iterator[Recording]:
        selector = f"{name.removesuffix('s')}:{value}" if value else WINDOW
        ids: dict[str, Any] = {name: (value,)} if value else {}
        if value and name not in self._client.windowed:
            yield from filter(None, map(self._run.take, self._client.list(RecordingQuery(**ids), report)))
            return
        backfill = self._end is not None
        start, end = self._run.begin(selector, self._start), self._now
        if self._start is not None and self._end is not None:
            start, end = self._start, self._end
        if start >= end:  # listed a moment ago
            return
        whole = True

        def note(window: ListedWindow) -> None:
            nonlocal whole
            of_listing = window.start is not None
            whole = whole and not (of_listing and window.outcome not in _WHOLE)
            report(window)

        query = RecordingQuery(start=pendulum.from_timestamp(start), end=pendulum.from_timestamp(end), **ids)
        for recording in self._client.list(query, note, self._run.wanted):
            if (found := self._run.take(recording)) is not None:
                yield found
        if whole:
            self._run.listed(selector, start, end, begins=not backfill)


def landed_keys(store: Store) -> set[str]:
    """Return the keys of all recordings below the root that have a receipt, by recording and by meeting."""
    found = set[str]()
    for one in store.walk():
        if one.key.endswith(RECEIPT_SUFFIX) and (receipt := Receipt.from_bytes(store.read(one.key))):
            found.add(f"recording:{receipt.recording_id}")
            if receipt.meeting_id:
                found.add(f"meeting:{receipt.meeting_id}")
    return found
