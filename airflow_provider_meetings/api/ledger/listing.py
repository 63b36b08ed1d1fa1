"""List by a ledger: each selector from where its listings ended, then what no listing shows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Any

import pendulum

from airflow_provider_meetings.api.client import MeetingsClient
from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.exclude import Exclude
from airflow_provider_meetings.api.landing.layout import RECEIPT_SUFFIX
from airflow_provider_meetings.api.landing.receipt import Receipt
from airflow_provider_meetings.api.landing.store import Store
from airflow_provider_meetings.api.ledger.ledger import Ledger, check_first
from airflow_provider_meetings.api.ledger.run import LedgerRun
from airflow_provider_meetings.api.models import Recording
from airflow_provider_meetings.api.query import SELECTORS, WINDOW, RecordingQuery
from airflow_provider_meetings.api.windows import ListedWindow, Report, WindowOutcome

_SINGLE = 1000
"""How many recordings are asked for by their ids in one query."""
_AHEAD = 3600
"""How far the clock may be ahead of the platform's, in seconds."""
_WHOLE = frozenset({WindowOutcome.COMPLETE, WindowOutcome.HALVED})


class LedgerListing:
    """One listing by the ledger below the root of a store: `recordings`, then `write`, before these are returned.

    :param run: names the run; a retry has the same name.
    :param ids: by the names of selectors; none lists the windows alone.
    :param start: seconds since the epoch; together with `end` the window of this run, alone where the ledger begins.
    :param revisit: in seconds; see `Item.next_check`.
    :param exclude: see `LedgerRun`.
    :raises InvalidRequest: for an unreadable ledger, for that of another platform or tenant, and for one that has not
        listed a selector yet, without `start`.
    """

    def __init__(
        self,
        store: Store,
        client: MeetingsClient,
        *,
        run: str,
        ids: Mapping[str, Collection[str]],
        start: float | None,
        end: float | None,
        revisit: float,
        exclude: Exclude | None = None,
    ) -> None:
        self.now = client.clock()
        self.ledger = Ledger(store)
        self.state = self.ledger.read()
        self._client = client
        self._pipeline = (client.platform, client.tenant)
        self._revisit = revisit
        check_first(self.state.pipeline, self._pipeline, "another pipeline:")
        landed = _landed_keys(store) if self.state.pipeline is None else frozenset[str]()
        self._run = LedgerRun(self.state, run=run, now=self.now, revisit=revisit, landed=landed, exclude=exclude)
        backfill = (start, end) if start is not None and end is not None else None
        self._is_backfill = backfill is not None
        self._windows: list[tuple[str, str, tuple[float, float] | None]] = []
        selected = [(name, value) for name in SELECTORS for value in ids.get(name, ())]
        for name, value in selected or [(WINDOW, "")]:
            window = None
            if not value or name in client.windowed:
                window = backfill or (self._run.begin(_selector(name, value), start), self.now)
            self._windows.append((name, value, window))
        store.check_writable()

    @property
    def entry(self) -> str:
        """Return the entry that opens what is returned; its load closes it."""
        return self._run.entry

    @property
    def selectors(self) -> list[str]:
        """Return the selectors that are listed by windows."""
        return [_selector(name, value) for name, value, window in self._windows if window]

    def recordings(self, report: Report) -> Iterator[Recording]:
        """Yield the recordings that must be landed or loaded.

        :raises MeetingsApiError: if a selector cannot be listed whole.
        """
        for name, value, window in self._windows:
            ids: dict[str, Any] = {name: (value,)} if value else {}
            if window is None:
                take = partial(self._run.take, by_hand=True)
                yield from filter(None, map(take, self._client.list(RecordingQuery(**ids), report)))
            else:
                yield from self._of_window(_selector(name, value), ids, *window, report)
        # A backfill leaves what else is due to the run that continues.
        refs = iter(()) if self._is_backfill else self._run.due()
        while some := tuple(islice(refs, _SINGLE)):
            yield from self._answers(RecordingQuery(recordings=some), report)

    def write(self) -> None:
        """Write what the listing has found.

        :raises InvalidRequest: if the clock runs ahead of the platform's: it would claim what is still to come.
        :raises StoreError: if the store fails.
        """
        answered = self._client.transport.answered_at
        # Both: the latest answer may be hours after the begin, and the clock may have been set in between.
        ahead = 0.0 if answered is None else max(self.now, self._client.clock()) - answered
        if ahead > _AHEAD:
            raise InvalidRequest(
                f"The clock of this worker is {ahead:.0f} s ahead of that of {self._client.platform}; "
                "nothing is written to the ledger",
                next_step="Set the clock, then clear the task.",
            )
        changes = self._run.changes
        changes.pipeline = (self.now, self.entry, self._pipeline)
        changes.watched = (self.now, self.entry, self._revisit)
        self.ledger.write(changes)
        self.state.merge(changes)
        self.ledger.compact(self.state, self.now)

    def _of_window(
        self, selector: str, ids: Mapping[str, Any], start: float, end: float, report: Report
    ) -> Iterator[Recording]:
        if start >= end:  # listed a moment ago
            return
        whole = True

        def note(window: ListedWindow) -> None:
            nonlocal whole
            # One without a start is about a single id.
            whole = whole and (window.start is None or window.outcome in _WHOLE)
            report(window)

        query = RecordingQuery(start=pendulum.from_timestamp(start), end=pendulum.from_timestamp(end), **ids)
        yield from self._answers(query, note)
        if whole:
            self._run.listed(selector, start, end, begins=not self._is_backfill)

    def _answers(self, query: RecordingQuery, report: Report) -> Iterator[Recording]:
        return filter(None, map(self._run.take, self._client.list(query, report, self._run.wanted)))


def _selector(name: str, value: str) -> str:
    """Return what `Recording.listed_by` has for a selector."""
    return f"{name.removesuffix('s')}:{value}" if value else WINDOW


def _landed_keys(store: Store) -> set[str]:
    """Return the keys of all recordings below the root that have a receipt, by recording and by meeting."""
    found = set[str]()
    for one in store.walk():
        if one.key.endswith(RECEIPT_SUFFIX) and (receipt := Receipt.from_bytes(store.read(one.key))):
            found.add(f"recording:{receipt.recording_id}")
            if receipt.meeting_id:
                found.add(f"meeting:{receipt.meeting_id}")
    return found
