"""What a ledger says: the open items, the counts of each selector and day, and the dates."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pendulum

from airflow_provider_meetings.api.landing.store import Store
from airflow_provider_meetings.api.ledger.items import Item
from airflow_provider_meetings.api.ledger.ledger import Ledger
from airflow_provider_meetings.api.ledger.state import State
from airflow_provider_meetings.api.models import RecordingState

_COUNTS = ("landed", "open", "settled", "lost")


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerReport:
    """What a ledger says, as plain JSON.

    :param dates: by selector; see `dates`.
    :param counts: by selector and day; see `counts`.
    :param open: the open items; see `open_items`.
    :param late: those that are open for too long.
    :param lost: the number of items that are closed although no load has settled them.
    """

    dates: list[dict[str, Any]]
    counts: list[dict[str, Any]]
    open: list[dict[str, Any]]
    late: list[dict[str, Any]]
    lost: int


def check_ledger(store: Store, older_than: timedelta, now: float | None = None) -> LedgerReport:
    """Read a ledger, and find what is open for too long.

    :raises InvalidRequest, StoreError: see `Ledger.read`.
    """
    state = Ledger(store).read()
    now = time.time() if now is None else now
    found = list(open_items(state, now))
    before = now - older_than.total_seconds()
    by_day = list(counts(state))
    return LedgerReport(
        dates=list(dates(state, now)),
        counts=by_day,
        open=found,
        late=[one for one in found if _is_late(state.items[one["item"]], before, state.revisit)],
        lost=sum(one["lost"] for one in by_day),
    )


def open_items(state: State, now: float) -> Iterator[dict[str, Any]]:
    """Yield each open item as plain JSON, the oldest first: what it is, since when, and when it is asked for again."""
    found = [(key, item) for key, item in state.items.items() if item.is_open]
    for key, item in sorted(found, key=lambda one: (one[1].waits_since, one[0])):
        seen = item.seen
        yield {
            "item": key,
            "selector": seen.selector,
            "day": _day(item),
            "state": "expired" if item.is_expired(now, state.revisit) else seen.state,
            "reason": seen.reason,
            "recording_id": seen.recording_id,
            "meeting_id": seen.meeting_id,
            "meeting_number": seen.meeting_number,
            "since": _text(item.waits_since),
            "next_check": _text(item.next_check(state.revisit)),
            "deadline": _text(item.waits_since + state.revisit) if seen.is_pending else None,
        }


def counts(state: State) -> Iterator[dict[str, Any]]:
    """Yield the counts of each selector and day; ``listed`` is the sum of the others.

    ``lost`` are items that are closed although no load has settled them.
    """
    found: dict[tuple[str, str], Counter[str]] = {}
    for item in state.items.values():
        if kind := _kind(item):
            found.setdefault((item.seen.selector, _day(item)), Counter())[kind] += 1
    for (selector, day), kinds in sorted(found.items()):
        numbers = {name: kinds[name] for name in _COUNTS}
        yield {"selector": selector, "day": day, "listed": kinds.total(), **numbers}


def dates(state: State, now: float) -> Iterator[dict[str, Any]]:
    """Yield for each selector up to when it is listed, and up to when everything is settled."""
    for selector in sorted(state.since):
        listed = state.listed_up_to(selector)
        yield {
            "selector": selector,
            # By a clock that ran ahead a listing may claim what is still to come.
            "listed_up_to": None if listed is None else _text(min(listed, now)),
            "settled_up_to": _text(state.settled_up_to(selector, now)),
        }


def projection(state: State) -> dict[str, Any]:
    """Return all items and the dates as plain JSON, with platform and tenant, as of the latest listing.

    `settled_at` is None while an item is open.
    """
    if state.pipeline is None or state.watched is None:
        return {"items": [], "dates": []}
    now = state.watched[0]
    owner = dict(zip(("platform", "tenant"), state.pipeline[2], strict=True))
    items = (
        {
            "item_key": key,
            "recording_id": item.seen.recording_id,
            "meeting_id": item.seen.meeting_id,
            "meeting_number": item.seen.meeting_number,
            "listed_by": item.seen.selector,
            "state": "expired" if item.is_expired(now, state.revisit) else item.seen.state,
            "reason": item.seen.reason,
            "first_seen_at": _text(item.first_seen),
            "last_seen_at": _text(item.seen.at),
            # A meeting whose recording has its own item is closed without being settled.
            "settled_at": None if item.is_open else _text(item.settled_at or item.seen.at),
        }
        for key, item in state.items.items()
    )
    return {"items": [owner | one for one in items], "dates": [owner | one for one in dates(state, now)]}


def _is_late(item: Item, before: float, revisit: float) -> bool:
    """Return whether it waits since `before`; an expired one is late until it expired before that."""
    return item.waits_since < before and not item.is_expired(before, revisit)


def _kind(item: Item) -> str | None:
    if item.is_open:
        return "open"
    if item.settled is None or not item.is_live:
        # A meeting whose recording has its own item, or that ended without one.
        return "lost" if item.seen.recording_id else None
    return "landed" if item.seen.state == RecordingState.READY else "settled"


def _day(item: Item) -> str:
    """Return the day, in UTC, on which a recording started, or else was first seen."""
    started = item.first_seen if item.seen.started_at is None else item.seen.started_at
    return str(pendulum.from_timestamp(started).date())


def _text(time: float | None) -> str | None:
    return None if time is None else pendulum.from_timestamp(int(time)).isoformat()
