"""What a ledger says: its items, the counts of each selector and day, and the dates."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.landing.store import Store
from airflow_provider_meetings.api.ledger.items import FIRST, IDS, LAST, Item
from airflow_provider_meetings.api.ledger.ledger import Ledger
from airflow_provider_meetings.api.ledger.state import State
from airflow_provider_meetings.api.models import RecordingState

_COUNTS = ("landed", "open", "settled", "lost")


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerReport:
    """What a ledger says, as plain JSON.

    :param dates: by selector; see `dates`.
    :param counts: by selector and day; see `counts`.
    :param open: the open items, the oldest first.
    :param late: those that are open for too long; an expired one is late until it is expired for as long.
    :param lost: the items that are closed although no load has settled them.
    """

    dates: list[dict[str, Any]]
    counts: list[dict[str, Any]]
    open: list[dict[str, Any]]
    late: list[dict[str, Any]]
    lost: list[dict[str, Any]]


def check_ledger(store: Store, older_than: timedelta, now: float | None = None) -> LedgerReport:
    """Read a ledger, and find what is open for too long.

    :raises InvalidRequest, StoreError: see `Ledger.read`; also for an address without a ledger.
    """
    ledger = Ledger(store)
    if (state := ledger.read()) == State():
        raise InvalidRequest(
            f"There is no ledger at {ledger.uri}", next_step="Check the address; the first listing writes the ledger."
        )
    now = time.time() if now is None else now
    before = now - older_than.total_seconds()
    found = list(rows(state, now))
    waiting = [one for one in found if one["settled_at"] is None]
    return LedgerReport(
        dates=list(dates(state, now)),
        counts=list(counts(state)),
        open=waiting,
        late=[one for one in waiting if _is_late(state.items[one["item_key"]], before, state.revisit)],
        lost=[one for one in found if _kind(state.items[one["item_key"]]) == "lost"],
    )


def rows(state: State, now: float) -> Iterator[dict[str, Any]]:
    """Yield what each item is, since when it waits, and when it is asked for again; the oldest first, times in UTC."""
    for key, item in sorted(state.items.items(), key=lambda one: (one[1].waits_since, one[0])):
        seen = item.seen
        yield {
            "item_key": key,
            "listed_by": seen.selector,
            "day": _day(item),
            "state": "expired" if item.is_expired(now, state.revisit) else str(seen.state),
            "reason": seen.reason,
            **{name: getattr(seen, name) for name in IDS},
            "first_seen_at": _text(item.first_seen),
            "last_seen_at": _text(seen.at),
            "waits_since": _text(item.waits_since) if item.is_open else None,
            "next_check_at": _text(item.next_check(state.revisit)),
            "deadline": _text(item.waits_since + state.revisit) if item.is_open and seen.is_pending else None,
            # A meeting whose recording has its own item is closed without being settled.
            "settled_at": None if item.is_open else _text(item.settled_at or seen.at),
        }


def counts(state: State) -> Iterator[dict[str, Any]]:
    """Yield for each selector and day how many recordings were listed, and how many of these are what."""
    found: dict[tuple[str, str], Counter[str]] = {}
    for item in state.items.values():
        if kind := _kind(item):
            found.setdefault((item.seen.selector, _day(item)), Counter())[kind] += 1
    for (selector, day), kinds in sorted(found.items()):
        numbers = {name: kinds[name] for name in _COUNTS}
        yield {"listed_by": selector, "day": day, "listed": kinds.total(), **numbers}


def dates(state: State, now: float) -> Iterator[dict[str, Any]]:
    """Yield for each selector up to when it is listed, and up to when everything is settled."""
    for selector in sorted(state.since):
        listed = state.listed_up_to(selector)
        yield {
            "listed_by": selector,
            "listed_up_to": None if listed is None else _text(min(listed, now)),
            "settled_up_to": _text(state.settled_up_to(selector, now)),
        }


def projection(state: State) -> dict[str, Any]:
    """Return all items and the dates as plain JSON, with platform and tenant, as of the latest listing."""
    if state.pipeline is None or state.watched is None:
        return {"items": [], "dates": []}
    now = state.watched[0]
    owner = dict(zip(("platform", "tenant"), state.pipeline[2], strict=True))
    return {
        "items": [owner | one for one in rows(state, now)],
        "dates": [owner | one for one in dates(state, now)],
    }


def _is_late(item: Item, before: float, revisit: float) -> bool:
    """Return whether it waits since `before`; an expired one is late until it expired before that."""
    return item.waits_since < before and not item.is_expired(before, revisit)


def _kind(item: Item) -> str | None:
    if item.is_open:
        return "open"
    if item.settled is None or not item.is_live:
        # A meeting whose recording has its own item, or that ended without one.
        return "lost" if item.seen.recording_id else None
    return "landed" if item.seen.state is RecordingState.READY else "settled"


def _day(item: Item) -> str:
    """Return the day, in UTC, on which a recording started, or else was first seen."""
    started = item.first_seen if item.seen.started_at is None else item.seen.started_at
    return str(datetime.fromtimestamp(started, UTC).date())


def _text(time: float | None) -> str | None:
    # Not by pendulum, which takes eight times as long: a load writes some 100,000 times.
    # The end of a wait may be after the last time of a datetime.
    return None if time is None else datetime.fromtimestamp(min(max(int(time), FIRST), LAST), UTC).isoformat()
