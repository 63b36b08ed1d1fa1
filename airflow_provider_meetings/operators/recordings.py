"""List recordings, and report the windows of the listing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pendulum
from airflow.providers.common.compat.sdk import BaseOperator, Context

from airflow_provider_meetings.api.client import MeetingsClient
from airflow_provider_meetings.api.errors import InvalidRequest, ServerError
from airflow_provider_meetings.api.exclude import Exclude
from airflow_provider_meetings.api.landing.store import Store
from airflow_provider_meetings.api.ledger.listing import LedgerListing
from airflow_provider_meetings.api.ledger.marks import Marks
from airflow_provider_meetings.api.models import RecordingState
from airflow_provider_meetings.api.query import SELECTORS, RecordingQuery
from airflow_provider_meetings.api.windows import ListedWindow, WindowOutcome
from airflow_provider_meetings.hooks import arguments
from airflow_provider_meetings.hooks.batches import BATCH_SIZE, BatchWriter, warn_if_large
from airflow_provider_meetings.hooks.meetings import MeetingsHook
from airflow_provider_meetings.hooks.metrics import AirflowMeter, CallingTask, tracked
from airflow_provider_meetings.hooks.redact_key import redact_key
from airflow_provider_meetings.hooks.retry_policy import set_retry_policy
from airflow_provider_meetings.hooks.stores import store_at

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

CLOCK_TOLERANCE = timedelta(hours=1)
"""How far the worker's clock may be behind the one that made the window."""
LONGEST_REVISIT = timedelta(days=36_500)  # so that its end is a time
NAMED_WINDOWS = 20  # in an error
NAMED_RECORDINGS = 10  # in the log
_RULES = "Write for example {'owner_ids': ['zhangwei'], 'title': '(?i)interview'}."
_NOTHING = frozenset({RecordingState.ABSENT, RecordingState.UNKNOWN})


class ListRecordingsOperator(CallingTask, BaseOperator):
    """List the recordings of a window or of meetings, in any state.

    Pushes a second XCom, ``summary``, also if the listing fails: each window with its numbers of pages and items, and
    how it ended. `RecordingsToSqlOperator` stores it. An incomplete listing fails and may be retried; an id that the
    platform refuses has a final state. The arguments that a platform takes together are those of its client.

    :param meetings_conn_id: a connection of a meeting platform; its type selects the platform. (templated)
    :param start: start of the window, aware; required for WeCom and for Feishu's `owner_ids` and `meeting_numbers`.
        Without ids, all of the window, where the platform lists it: Feishu. (templated)
    :param end: end of the window, aware, exclusive; not in the future. (templated)
    :param meeting_ids: the platform's meeting ids. These and other ids: a list or a JSON list in a string. (templated)
    :param meeting_numbers: WeCom's meeting codes, Feishu's 9-digit numbers. (templated)
    :param owner_ids: WeCom's userids: meetings that these users created. Feishu's user ids: minutes that these users
        own; requires a connection with the identity ``user``. (templated)
    :param batches_to: URL of a folder, such as ``s3://conn_id@bucket/batches``: write the recordings there as NDJSON,
        in constant memory, and return the URIs; every argument `recordings` takes them. None to return the recordings
        themselves. (templated)
    :param batch_size: number of recordings in a batch, to map a task over; None for 1,000 with `batches_to`, and for
        one list without. Airflow maps over ``[core] max_map_length`` batches at most.
    :param ledger: URL of the folder with the pipeline's ledger, best the target of its landings: list each selector
        from where its listings ended, and again what is watched; return only what must be landed or loaded. `start` is
        where a new ledger begins; `start` and `end` together are the window of this run, a backfill. (templated)
    :param exclude: which recordings to return with the state ``excluded``, and no title, owner or file: a dict of
        ``owner_ids``, a list; ``title``, a regular expression that is searched in the first 500 characters; and for
        WeCom ``sharing``, a list of sharing states. (templated)
    :param revisit: with `ledger`, for how long settled recordings are watched, and pending ones waited for.
    :returns: list of recordings as dicts; with `batch_size` a list of such lists; with `batches_to` a list of URIs.
    """

    template_fields: Sequence[str] = (
        "meetings_conn_id",
        "start",
        "end",
        "meeting_ids",
        "meeting_numbers",
        "owner_ids",
        "batches_to",
        "ledger",
        "exclude",
    )

    def __init__(
        self,
        *,
        meetings_conn_id: str,
        start: Any = None,
        end: Any = None,
        meeting_ids: Any = None,
        meeting_numbers: Any = None,
        owner_ids: Any = None,
        batches_to: str | None = None,
        batch_size: int | None = None,
        ledger: str | None = None,
        exclude: Mapping[str, Any] | None = None,
        revisit: timedelta = timedelta(days=14),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        set_retry_policy(self)
        self.meetings_conn_id = meetings_conn_id
        self.start = start
        self.end = end
        self.meeting_ids = meeting_ids
        self.meeting_numbers = meeting_numbers
        self.owner_ids = owner_ids
        self.batches_to = batches_to
        self.batch_size = None if batch_size is None else arguments.positive(self, "batch_size", batch_size)
        if not isinstance(revisit, timedelta) or not timedelta(days=1) <= revisit <= LONGEST_REVISIT:
            raise ValueError(
                f"{self.task_id}: revisit must be a timedelta of at least one day and at most "
                f"{LONGEST_REVISIT.days} days, got {revisit!r}"
            )
        self.ledger = ledger
        self.exclude = exclude
        self.revisit = revisit

    def execute(self, context: Context) -> list[Any]:
        """List the recordings; push the summary of the windows, also if the listing fails."""
        hook = MeetingsHook.for_connection(self.meetings_conn_id)
        with tracked(hook, self), hook.error_mapping():
            client = hook.get_conn()
            query = self._query()
            store = None if self.ledger is None else store_at(self.ledger, "ledger")
            exclude = self._exclude(client, store)
            listing = None
            if store is not None:
                ti = context["ti"]
                listing = LedgerListing(
                    store,
                    client,
                    run=f"{ti.dag_id}/{ti.run_id}/{ti.task_id}/{ti.map_index}",
                    ids={name: getattr(query, name) for name in SELECTORS},
                    start=query.start.timestamp() if query.start and self.start else None,
                    end=query.end.timestamp() if query.end and self.end else None,
                    revisit=self.revisit.total_seconds(),
                    exclude=exclude,
                )
            found: list[dict[str, Any]] = []
            size, batches, windows = self.batch_size, None, None
            if self.batches_to is not None:
                batches = BatchWriter(self.batches_to, context, "recordings", size or BATCH_SIZE)
                windows = BatchWriter(self.batches_to, context, "windows")
            add = batches.add if batches else found.append
            report = WindowReport(self.log, windows, by_ledger=listing is not None)
            states, first = Counter[RecordingState](), list[str]()
            try:
                listed = listing.recordings(report.add) if listing else client.list(query, report.add)
                for recording in listed if listing else (exclude.apply(one)[0] for one in listed):
                    states[recording.state] += 1
                    if len(first) < NAMED_RECORDINGS and recording.state is not RecordingState.EXCLUDED:
                        first.append(recording.label)
                    add(recording.to_dict())
            finally:
                summary: dict[str, Any] = {"platform": client.platform, "tenant": client.tenant}
                summary |= {"windows": report.windows(), "excluded": dict(exclude.counts)}
                if listing:
                    summary["ledger"] = listing.entry
                context["ti"].xcom_push(key="summary", value=summary)
            counts = (_describe(states, first), report.counts(), summary["excluded"] or "nothing")
            self.log.info("Listed %s; windows: %s; excluded or forgotten: %s", *counts)
            report.check()
            if listing:
                listing.write()
                AirflowMeter().ledger(listing.state, listing.now, listing.selectors)
                opened = sum(item.is_open for item in listing.state.items.values())
                self.log.info("The ledger %s has %d open items", listing.ledger.uri, opened)
            elif not states.keys() - _NOTHING:
                for selector in query.selectors:
                    self.log.info("Found nothing by %s. %s", selector, client.visible.get(selector, ""))
            if batches:
                return batches.finish()
        warn_if_large(self.log, found, "set batches_to to a URL, and the result is a list of URIs")
        return [found[i : i + size] for i in range(0, len(found), size)] if size else found

    def _exclude(self, client: MeetingsClient, store: Store | None) -> Exclude:
        rules = {} if self.exclude is None else self.exclude
        if not isinstance(rules, Mapping):
            raise InvalidRequest(f"exclude must be a dict, got {type(rules).__name__}", next_step=_RULES)
        rules = {k: v if k == "title" else arguments.ids(v, f"exclude: {k}") for k, v in rules.items()}
        marks = Marks(store, redact_key) if store else None
        return Exclude(rules, marks, platform=client.platform, sharing_field=client.sharing_field)

    def _query(self) -> RecordingQuery:
        names = ("meeting_ids", "meeting_numbers", "owner_ids")
        ids = {name: arguments.ids(getattr(self, name), name) for name in names}
        if not any(ids.values()) and (empty := [name for name in names if ids[name] == []]):
            raise InvalidRequest(f"{empty[0]} is empty: omit it to list by the window alone")
        now = pendulum.now("UTC")
        start, end = self.start, self.end
        if self.ledger is not None:  # it has the window; here only what is given is checked
            if start is None and end is not None:
                raise InvalidRequest("With a ledger, end needs start: the window of a backfill")
            end = now if end is None else end
            start = now - timedelta(days=1) if start is None else start
        query = RecordingQuery(start=start, end=end, **ids)
        if query.end and query.end > now + CLOCK_TOLERANCE:
            raise InvalidRequest(
                f"end ({query.end.isoformat()}) is in the future: later recordings of this window would be missed, "
                "although it counts as listed",
                next_step="List it after its end.",
            )
        return query


def _describe(states: Counter[RecordingState], first: Sequence[str]) -> str:
    """Return the number of recordings, by state, and the first ids that are not excluded, for a log line."""
    total, others = states.total(), states.total() - states[RecordingState.EXCLUDED] - len(first)
    by_state = ", ".join(f"{number} {state}" for state, number in states.items() if number)
    more = f" and {others} more" if others else ""
    return (
        f"{total} recordings"
        + (f" ({by_state})" if by_state else "")
        + (f": {', '.join(first)}{more}" if first else "")
    )


class WindowReport:
    """Log, count and keep the windows of one listing.

    :param batches: keeps the windows; None to keep all in memory.
    :param by_ledger: whether a ledger keeps the ids that the platform failed to answer for; then they fail nothing.
    """

    def __init__(self, log: Logger, batches: BatchWriter | None, *, by_ledger: bool = False) -> None:
        self._by_ledger = by_ledger
        self._log = log
        self._batches = batches
        self._outcomes: Counter[WindowOutcome] = Counter()
        self._kept: list[dict[str, Any]] = []
        self._failing = 0
        self._incomplete: list[str] = []

    def add(self, window: ListedWindow) -> None:
        """Add a window; called by the client after its listing."""
        self._outcomes[window.outcome] += 1
        fails = window.outcome.is_incomplete and not (self._by_ledger and window.start is None)
        self._failing += fails
        name = " ".join(filter(None, (window.endpoint, window.selector)))
        if window.start and window.end:
            name = f"{name} from {window.start.isoformat()} to {window.end.isoformat()}"
        reason = f" ({window.reason})" if window.reason else ""
        found = f"{window.pages} pages, {window.items} items"
        self._log.info("Window %s is %s%s: %s", name, window.outcome, reason, found)
        if fails and len(self._incomplete) < NAMED_WINDOWS:
            self._incomplete.append(f"{name} {window.outcome}{reason}")
        (self._batches.add if self._batches else self._kept.append)(window.to_dict())

    def windows(self) -> list[Any]:
        """Return the windows as dicts, or the URIs of their batches."""
        return self._batches.finish() if self._batches else self._kept

    def counts(self) -> str:
        """Return the number of windows by outcome, for a log line."""
        return ", ".join(f"{count} {outcome}" for outcome, count in self._outcomes.items())

    def check(self) -> None:
        """Raise ServerError if recordings of a window may be missing; a retry may find them."""
        if self._failing:
            more = f"; and {self._failing - NAMED_WINDOWS} more" if self._failing > NAMED_WINDOWS else ""
            raise ServerError(
                f"The listing is incomplete, nothing is returned: {'; '.join(self._incomplete)}{more}",
                next_step="A retry lists everything again.",
            )
