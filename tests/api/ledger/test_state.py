"""Merging states of a ledger: the order makes no difference, and what is closed stays closed."""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_meetings.api.ledger.items import DAY, Item, Seen, Settled
from airflow_provider_meetings.api.ledger.state import State, union
from airflow_provider_meetings.api.models import RecordingState

ENTRIES = ["e1", "e2", "e3"]
TIMES = st.integers(0, 4).map(float)


def seen(**changes: Any) -> Seen:
    values = {"at": 0.0, "entry": "e1", "digest": "d", "selector": "window", "run": "r"}
    changes["state"] = RecordingState(changes.get("state", "ready"))
    return Seen(**{**values, "taken_at": 0.0, "asked_at": 0.0, **changes})


def item(**changes: Any) -> Item:
    return Item(**{"seen": seen(), "first_seen": 0.0, **changes})


SEEN = st.builds(seen, at=TIMES, entry=st.sampled_from(ENTRIES), state=st.sampled_from(["ready", "absent"]))
SETTLED = st.builds(Settled, at=TIMES, entry=st.sampled_from(ENTRIES), digest=st.sampled_from("de"))
SETS = st.frozensets(st.sampled_from(ENTRIES))
ITEMS = st.builds(
    Item,
    seen=SEEN,
    first_seen=TIMES,
    settled=st.none() | SETTLED,
    settled_at=st.none() | TIMES,
    opened=SETS,
    closed=SETS,
)
FIRST = st.none() | st.tuples(TIMES, st.sampled_from(ENTRIES), st.sampled_from([("a", "t"), ("b", "t")]))
INTERVALS = st.lists(st.tuples(TIMES, TIMES), max_size=3).map(lambda found: union((), found))
STATES = st.builds(
    State,
    pipeline=FIRST,
    kinds=FIRST,
    items=st.dictionaries(st.sampled_from(["recording:1", "recording:2"]), ITEMS),
    intervals=st.dictionaries(st.sampled_from(["window", "owner_id:a"]), INTERVALS),
    since=st.dictionaries(st.sampled_from(["window", "owner_id:a"]), TIMES),
    watched=st.none() | st.tuples(TIMES, st.sampled_from(ENTRIES), TIMES),
)


def merged(*states: State) -> State:
    found = State()
    for state in states:
        found.merge(copy.deepcopy(state))
    found.intervals = {selector: intervals for selector, intervals in found.intervals.items() if intervals}
    return found


@given(STATES, STATES, STATES)
def test_merging_is_commutative_associative_and_idempotent(one: State, two: State, three: State) -> None:
    whole = merged(one, two, three)
    assert merged(three, two, one) == whole
    assert merged(merged(one, two), three) == whole
    assert merged(whole, two, whole) == whole


@given(STATES)
def test_state_survives_its_json(state: State) -> None:
    assert merged(State.from_bytes(state.to_bytes())) == merged(state)


@given(st.lists(st.tuples(TIMES, TIMES), max_size=5), st.lists(st.tuples(TIMES, TIMES), max_size=5), TIMES)
def test_union_covers_what_one_of_them_covers(
    one: list[tuple[float, float]], two: list[tuple[float, float]], at: float
) -> None:
    found = union(one, two)
    assert any(begin <= at < end for begin, end in found) == any(begin <= at < end for begin, end in [*one, *two])
    assert all(end < begin for (_, end), (begin, _) in pairwise(found))


def test_item_opened_after_its_closer_read_stays_open() -> None:
    read = item(opened=frozenset({"e1"}))
    opened = item(opened=frozenset({"e1", "e2"}), closed=frozenset({"e1"}))
    closed = item(opened=frozenset({"e1"}), closed=frozenset({"e1"}))
    assert read.is_open
    assert not read.merge(closed).is_open
    assert closed.merge(opened).is_open


def test_gap_between_two_listings_holds_the_date_back() -> None:
    state = State(intervals={"window": ((0.0, 10.0), (20.0, 30.0))}, since={"window": 0.0})
    assert state.listed_up_to("window") == 10.0
    state.merge(State(intervals={"window": ((5.0, 20.0),)}))
    assert state.listed_up_to("window") == 30.0
    assert state.listed_up_to("owner_id:a") is None


def test_earlier_backfill_does_not_set_the_date_back() -> None:
    state = State(intervals={"window": ((0.0, 10.0), (20.0, 30.0))}, since={"window": 20.0})
    assert state.listed_up_to("window") == 30.0


@pytest.mark.parametrize(
    ("changes", "settled_up_to"),
    [
        ({"opened": frozenset({"e1"})}, 5.0),
        ({"opened": frozenset({"e1"}), "closed": frozenset({"e1"})}, 100.0),
        ({"opened": frozenset({"e1"}), "seen": seen(started_at=5.0, selector="owner_id:a")}, 100.0),
        ({"opened": frozenset({"e1"}), "seen": seen(state="absent"), "first_seen": 7.0}, 7.0),
        ({"opened": frozenset({"e1"}), "settled": Settled(at=1.0, entry="e0", digest="d")}, 100.0),  # a revisit
        ({"opened": frozenset({"e1"}), "settled": Settled(at=1.0, entry="e0", digest="other")}, 5.0),
        ({"opened": frozenset({"e1"}), "seen": seen(state="absent"), "first_seen": -20 * DAY}, 100.0),  # expired
        ({"opened": frozenset({"e1"}), "first_seen": -20 * DAY}, 5.0),  # ready, but never loaded
    ],
)
def test_settled_up_to(changes: dict[str, Any], settled_up_to: float) -> None:
    changes = {"seen": seen(started_at=5.0), **changes}
    state = State(items={"recording:1": item(**changes)}, intervals={"window": ((0.0, 100.0),)}, since={"window": 0.0})
    assert state.settled_up_to("window", 1000.0) == settled_up_to


@pytest.mark.parametrize(("asked", "days"), [(0.0, 1), (0.5, 1), (1.0, 2), (2.5, 4), (4.0, 8), (9.0, 14), (14.0, None)])
def test_distances_of_revisits(asked: float, days: int | None) -> None:
    settled = item(settled=Settled(at=0.0, entry="e", digest="d"), settled_at=0.0, seen=seen(asked_at=asked * DAY))
    assert settled.next_check(14 * DAY) == (None if days is None else days * DAY)


def test_incomplete_item_is_asked_for_each_run() -> None:
    settled = Settled(at=0.0, entry="e", digest="d", missing=("transcript",))
    found = item(settled=settled, settled_at=0.0, seen=seen(asked_at=9 * DAY))
    assert found.next_check(14 * DAY) == 9 * DAY + 3600
    assert found.next_check(9 * DAY) is None
    assert found.next_check(10 * DAY) == 9 * DAY + 3600
