"""List by a ledger: each selector from where its listings ended, then what no listing shows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import partial
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
        self._start = start
        self._end = end
        self._now = now
        selected = [(name, value) for name in SELECTORS for value in ids.get(name, ())]
        self._selected = [(name, value, self._window(name, value)) for name, value in selected or [(WINDOW, "")]]

    @property
    def selectors(self) -> list[str]:
        """Return the selectors that are listed by windows."""
        return [_selector(name, value) for name, value, window in self._selected if window]

    def recordings(self, report: Report) -> Iterator[Recording]:
        """Yield the recordings that must be landed or loaded; afterwards the run has what is to be written.

        :raises MeetingsApiError: if a selector cannot be listed whole.
        """
        for name, value, window in self._selected:
            if window is None:
                take = partial(self._run.take, by_hand=True)
                query = RecordingQuery(**{name: (value,)})  # type: ignore[arg-type]  # ids
                yield from filter(None, map(take, self._client.list(query, report)))
            else:
                yield from self._of_window(name, value, *window, report)
        # A backfill leaves what else is due to the run that continues.
        refs = self._run.due() if self._end is None else iter(())
        while some := tuple(islice(refs, _SINGLE)):
            yield from self._answers(RecordingQuery(recordings=some), report)

    def _window(self, name: str, value: str) -> tuple[float, float] | None:
        """Return the window in which to list a selector; None if the platform takes its id alone.

        :raises InvalidRequest: if the ledger has not listed it, and `start` is not given.
        """
        if value and name not in self._client.windowed:
            return None
        if self._start is not None and self._end is not None:
            return self._start, self._end
        return self._run.begin(_selector(name, value), self._start), self._now

    def _of_window(self, name: str, value: str, start: float, end: float, report: Report) -> Iterator[Recording]:
        if start >= end:  # listed a moment ago
            return
        whole = True

        def note(window: ListedWindow) -> None:
            nonlocal whole
            # One without a start is about a single id.
            whole = whole and (window.start is None or window.outcome in _WHOLE)
            report(window)

        ids: dict[str, Any] = {name: (value,)} if value else {}
        query = RecordingQuery(start=pendulum.from_timestamp(start), end=pendulum.from_timestamp(end), **ids)
        yield from self._answers(query, note)
        if whole:
            self._run.listed(_selector(name, value), start, end, begins=self._end is None)

    def _answers(self, query: RecordingQuery, report: Report) -> Iterator[Recording]:
        return filter(None, map(self._run.take, self._client.list(query, report, self._run.wanted)))


def _selector(name: str, value: str) -> str:
    """Return what `Recording.listed_by` has for a selector."""
    return f"{name.removesuffix('s')}:{value}" if value else WINDOW


def landed_keys(store: Store) -> set[str]:
    """Return the keys of all recordings below the root that have a receipt, by recording and by meeting."""
    found = set[str]()
    for one in store.walk():
        if one.key.endswith(RECEIPT_SUFFIX) and (receipt := Receipt.from_bytes(store.read(one.key))):
            found.add(f"recording:{receipt.recording_id}")
            if receipt.meeting_id:
                found.add(f"meeting:{receipt.meeting_id}")
    return found
