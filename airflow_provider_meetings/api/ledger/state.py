"""What a ledger holds: its items, and the intervals of each selector that were listed whole."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, Self

import msgspec

from airflow_provider_meetings.api.ledger.items import DAY, Item, Time

DEFAULT_REVISIT = 14 * DAY

_MANY = 16
"""More closed entries have only items that are asked for in each of many runs, for a kind of file that is missing."""

Interval = tuple[Time, Time]
First = tuple[Time, str, tuple[str, ...]]
"""Texts that the first writer decides on: the time and the entry of the write, and the texts."""


class State(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The content of one object of a ledger, or of all together.

    :param pipeline: platform and tenant.
    :param kinds: the kinds of files that are landed; None before the first load, and without files.
    :param items: by their keys; see `items.key_of`.
    :param intervals: by selector; disjoint, sorted, in seconds since the epoch, without their ends.
    :param since: by selector, where its listings without an end began.
    :param watched: for how many seconds items are watched or waited for, as (time, entry, seconds) of the latest run.
    """

    pipeline: tuple[Time, str, Annotated[tuple[str, ...], msgspec.Meta(min_length=2, max_length=2)]] | None = None
    kinds: First | None = None
    items: dict[str, Item] = {}
    intervals: dict[str, tuple[Interval, ...]] = {}
    since: dict[str, Time] = {}
    watched: tuple[Time, str, Time] | None = None

    @property
    def revisit(self) -> float:
        """Return for how many seconds settled items are watched, and pending ones waited for."""
        return self.watched[2] if self.watched else DEFAULT_REVISIT

    def merge(self, other: Self) -> None:
        """Add what `other` knows; the order of merges, and repeating one, makes no difference."""
        self.pipeline = _first(self.pipeline, other.pipeline)
        self.kinds = _first(self.kinds, other.kinds)
        for key, item in other.items.items():
            known = self.items.get(key)
            self.items[key] = known.merge(item) if known else item
        for selector, intervals in other.intervals.items():
            self.intervals[selector] = union(self.intervals.get(selector, ()), intervals)
        for selector, start in other.since.items():
            self.since[selector] = min(start, self.since.get(selector, start))
        self.watched = max((one for one in (self.watched, other.watched) if one), default=None)

    def listed_up_to(self, selector: str) -> float | None:
        """Return the end of the unbroken run of intervals in which the listings of a selector began."""
        start = self.since.get(selector)
        if start is None:
            return None
        return next((end for begin, end in self.intervals.get(selector, ()) if begin <= start <= end), start)

    def settled_up_to(self, selector: str, now: float) -> float | None:
        """Return up to when everything that a selector listed is settled.

        An item without a start counts from when it was first seen.
        """
        listed = self.listed_up_to(selector)
        if listed is None:
            return None
        held = (
            item.first_seen if item.seen.started_at is None else item.seen.started_at
            for item in self.items.values()
            if item.seen.selector == selector and item.holds_back(now, self.revisit)
        )
        return min(listed, now, *held)

    def drop(self, now: float) -> None:
        """Remove the items that are too old to be watched, and closed entries of those that have many.

        If another process writes such an entry again, which it has read before it was closed, the item is open again:
        it is asked for once more.
        """
        self.items = {
            key: item.replace(opened=item.opened - item.closed, closed=frozenset())
            if len(item.closed) > _MANY
            else item
            for key, item in self.items.items()
            if not item.has_left(now, self.revisit)
        }

    def to_bytes(self) -> bytes:
        """Return the state as JSON."""
        return msgspec.json.encode(_Object(1, self), order="deterministic")

    @staticmethod
    def from_bytes(content: bytes) -> State:
        """Parse a state.

        :raises ValueError, RecursionError: for anything else than the output of `to_bytes`.
        """
        try:
            return msgspec.json.decode(content, type=_Object).state
        except msgspec.MsgspecError as error:  # before msgspec 0.21 it is no ValueError
            raise ValueError(str(error)) from None


class _Object(msgspec.Struct):
    schema: Literal[1]
    state: State


def union(intervals: Iterable[Interval], more: Iterable[Interval]) -> tuple[Interval, ...]:
    """Return disjoint, sorted intervals that cover the same; those that touch become one."""
    found: list[Interval] = []
    for begin, end in sorted([*intervals, *more]):
        if end <= begin:
            continue
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return tuple(found)


def _first(one: First | None, other: First | None) -> First | None:
    return min((value for value in (one, other) if value), default=None)
