"""The objects of a ledger: read whole or not at all, merged without losing any."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Generator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.api.errors import InvalidRequest, StoreError
from airflow_provider_meetings.api.landing.store import ListedObject
from airflow_provider_meetings.api.ledger import ledger as module
from airflow_provider_meetings.api.ledger.items import DAY, FIRST, LAST, Settled
from airflow_provider_meetings.api.ledger.ledger import FOLDER, MAX_OBJECTS, Ledger, new_entry
from airflow_provider_meetings.api.ledger.report import check_ledger
from airflow_provider_meetings.api.ledger.state import State
from airflow_provider_meetings.storage.local.store import LocalStore
from tests.api.ledger.test_state import item, seen

OPEN = frozenset({"e1"})


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path, f"file://{tmp_path}")


def state_of(key: str, **changes: Any) -> State:
    return State(items={key: item(**{"opened": OPEN, **changes})}, intervals={key: ((0.0, 1.0),)}, since={key: 0.0})


def names(store: LocalStore) -> set[str]:
    return {one.key for one in store.walk(FOLDER)}


def test_ledger_that_does_not_exist_is_empty(store: LocalStore) -> None:
    assert Ledger(store).read() == State()


def test_each_write_is_an_object_of_its_own(store: LocalStore) -> None:
    for number in range(3):
        Ledger(store, lambda: 0.0).write(state_of(f"recording:{number}"))
    assert len(names(store)) == 3
    assert sorted(Ledger(store).read().items) == ["recording:0", "recording:1", "recording:2"]


def test_many_objects_become_one_with_the_same_content(store: LocalStore) -> None:
    for number in range(MAX_OBJECTS):
        Ledger(store).write(state_of(f"recording:{number}"))
    ledger = Ledger(store)
    before = ledger.read()
    ledger.compact(before, 0.0)
    assert len(names(store)) == 1
    assert Ledger(store).read() == before
    ledger = Ledger(store)
    ledger.compact(ledger.read(), 0.0)
    assert len(names(store)) == 1


def test_compaction_drops_what_is_too_old(store: LocalStore) -> None:
    last = seen(asked_at=14 * DAY)
    old = {"seen": last, "opened": OPEN, "closed": OPEN, "settled": Settled(at=0.0, entry="e", digest="d")}
    Ledger(store).write(state_of("recording:old", **old, settled_at=0.0))
    for number in range(MAX_OBJECTS):
        Ledger(store).write(state_of(f"recording:{number}"))
    ledger = Ledger(store)
    ledger.compact(ledger.read(), 15 * DAY)
    assert len(Ledger(store).read().items) == MAX_OBJECTS


@pytest.mark.parametrize(
    ("state", "refused"), [("gone", ()), ("forbidden", ()), ("unknown", ()), ("ready", ("video",))]
)
def test_compaction_keeps_why_a_recording_is_not_in_the_lake(
    store: LocalStore, state: str, refused: tuple[str, ...]
) -> None:
    settled = Settled(at=0.0, entry="e", digest="d", refused=refused)
    old = {
        "seen": seen(state=state, asked_at=14 * DAY),
        "opened": OPEN,
        "closed": OPEN,
        "settled": settled,
        "settled_at": 0.0,
    }
    for number in range(MAX_OBJECTS):
        Ledger(store).write(state_of(f"recording:{number}", **old))
    ledger = Ledger(store)
    ledger.compact(ledger.read(), 15 * DAY)
    assert len(Ledger(store).read().items) == MAX_OBJECTS


def test_kill_between_the_merge_and_the_deletions_changes_nothing(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(MAX_OBJECTS):
        Ledger(store).write(state_of(f"recording:{number}"))
    ledger = Ledger(store)
    before = ledger.read()
    deletions = 0

    def delete_two(key: str, *_: object) -> None:
        nonlocal deletions
        deletions += 1
        if deletions > 2:
            raise KeyboardInterrupt
        LocalStore.delete(store, key)

    monkeypatch.setattr(store, "discard", delete_two)
    with pytest.raises(KeyboardInterrupt):
        ledger.compact(before, 0.0)
    assert len(names(store)) == MAX_OBJECTS - 1
    assert Ledger(store).read() == before


class Compacting(LocalStore):
    """A store in which another process merges the ledger after each of the first listings."""

    def __init__(self, root: Path, times: int) -> None:
        super().__init__(root, f"file://{root}")
        self.root = root
        self._left = times

    def walk(self, folder: str = "") -> Iterator[ListedObject]:
        found = list(super().walk(folder))
        if self._left:
            self._left -= 1
            other = Ledger(LocalStore(self.root, f"file://{self.root}"))
            other.write(other.read())
            for one in found:
                self.delete(one.key)
        return iter(found)


def test_reader_meets_a_compaction(tmp_path: Path) -> None:
    plain = LocalStore(tmp_path, f"file://{tmp_path}")
    for number in range(3):
        Ledger(plain).write(state_of(f"recording:{number}"))
    assert len(Ledger(Compacting(tmp_path, 3)).read().items) == 3
    with pytest.raises(StoreError, match="changed during each of 30 tries"):
        Ledger(Compacting(tmp_path, 100)).read()


class Torn(LocalStore):
    """A store whose first listing shows neither what another process merges meanwhile, nor the new object."""

    torn = False

    def walk(self, folder: str = "") -> Iterator[ListedObject]:
        if self.torn:
            return super().walk(folder)
        self.torn = True
        _, *rest = (one.key for one in super().walk(folder))
        other = Ledger(self)
        other.write(other.read())
        for key in rest:
            self.delete(key)
        return iter(())


def test_reader_whose_listing_is_torn(tmp_path: Path) -> None:
    store = Torn(tmp_path, f"file://{tmp_path}")
    for number in range(3):
        Ledger(store).write(state_of(f"recording:{number}"))
    assert len(Ledger(store).read().items) == 3


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b'{"schema": 2}',
        b"{}",
        b"[" * 100_000,
        b"\xff",
        State(since={"window": 0.0}).to_bytes().replace(b"window", b"\xff"),
        State().to_bytes()[:-5],
    ],
    ids=["empty", "truncated", "null", "schema", "keys", "nested", "bytes", "text", "cut"],
)
def test_unreadable_ledger_is_an_error(store: LocalStore, content: bytes) -> None:
    Ledger(store).write(state_of("recording:1"))
    store.put(f"{FOLDER}/other.json", content)
    with pytest.raises(InvalidRequest, match=r"other\.json cannot be read as a part of a ledger .* lists again"):
        Ledger(store).read()


@pytest.mark.parametrize(
    "changes",
    [
        {"seen": seen(at="0")},
        {"seen": seen(at=float("inf"))},
        {"seen": seen(taken_at=float("nan"))},
        {"seen": seen(started_at=1e18)},
        {"seen": seen(recording_id=5)},
        {"seen": seen(meeting_id=["m"])},
        {"seen": seen(selector=None)},
        {"first_seen": "0"},
        {"settled_at": -1e12},
        {"opened": [1]},
        {"settled": Settled(at=0.0, entry="e", digest="d", missing=(1,))},  # type: ignore[arg-type]  # as it is
    ],
    ids=str,
)
def test_value_of_another_type_is_an_error(store: LocalStore, changes: dict[str, Any]) -> None:
    Ledger(store).write(State(items={"recording:1": item(**changes)}))
    with pytest.raises(InvalidRequest, match=r"cannot be read as a part of a ledger"):
        Ledger(store).read()


@pytest.mark.parametrize(
    "changes",
    [
        {"watched": [1.0]},
        {"pipeline": [1.0, "e1", ["feishu"]]},
        {"since": {"window": float("inf")}},
        {"intervals": {"window": [[0, 1e300]]}},
        {"kinds": [1]},
    ],
    ids=str,
)
def test_date_that_is_none_is_an_error(store: LocalStore, changes: dict[str, Any]) -> None:
    content = json.loads(State().to_bytes())
    content["state"].update(changes)
    store.put(f"{FOLDER}/one.json", json.dumps(content).encode())
    with pytest.raises(InvalidRequest, match=r"cannot be read as a part of a ledger"):
        Ledger(store).read()


@pytest.mark.parametrize("at", [FIRST, LAST])
def test_times_at_the_ends_of_the_calendar_are_shown(store: LocalStore, at: float) -> None:
    changes = {"seen": seen(at=at, taken_at=at, state="processing"), "first_seen": at, "opened": OPEN}
    watched = (at, "e1", at)
    Ledger(store).write(State(items={"recording:1": item(**changes)}, watched=watched))
    (found,) = check_ledger(store, timedelta(days=3), now=0.0).open
    assert (found["first_seen_at"][:4], found["deadline"][:4]) == (("9999",) * 2 if at > 0 else ("0001",) * 2)


def test_oversized_ledger_is_an_error(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    reason = seen(reason="x" * 1_000)
    Ledger(store).write(State(items={f"recording:{n}": item(seen=reason) for n in range(5_000)}))
    assert len(Ledger(store).read().items) == 5_000  # more than other small objects may have
    monkeypatch.setattr(module, "MAX_BYTES", 1_000_000)
    with pytest.raises(InvalidRequest, match="is larger than 1000000 bytes"):
        Ledger(store).read()


@pytest.mark.parametrize(
    ("days", "state", "late"),
    [(2, "absent", 0), (4, "absent", 1), (16, "absent", 1), (18, "absent", 0), (18, "ready", 1), (90, "ready", 1)],
)
def test_what_is_open_for_too_long(store: LocalStore, days: int, state: str, late: int) -> None:
    Ledger(store).write(State(items={"recording:1": item(seen=seen(state=state, taken_at=days * DAY), opened=OPEN)}))
    found = check_ledger(store, timedelta(days=3), now=days * DAY)
    assert (len(found.open), len(found.late)) == (1, late)


def test_entries_are_unique() -> None:
    assert len({new_entry() for _ in range(1000)}) == 1000


class Counted(LocalStore):
    """Count requests, as an object store would see them."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, f"file://{root}")
        self.calls: Counter[str] = Counter()

    def walk(self, folder: str = "") -> Iterator[ListedObject]:
        self.calls["list"] += 1
        return super().walk(folder)

    def open(self, key: str) -> Generator[bytes]:
        self.calls["get"] += 1
        return super().open(key)

    def put(self, key: str, content: bytes) -> None:
        self.calls["put"] += 1
        super().put(key, content)

    def delete(self, key: str) -> None:
        self.calls["delete"] += 1
        super().delete(key)


def test_run_costs_two_listings_and_few_requests(tmp_path: Path) -> None:
    """Whatever the number of items: all of them are in one object, after any number of runs."""
    settled = {"closed": OPEN, "settled": Settled(at=0.0, entry="e", digest="d"), "settled_at": 0.0}
    items = {f"recording:{n}": item(opened=OPEN, **(settled if n >= 14 else {})) for n in range(214)}
    Ledger(LocalStore(tmp_path, f"file://{tmp_path}"), lambda: 0.0).write(State(items=items))
    most: Counter[str] = Counter()
    for _ in range(2 * MAX_OBJECTS):
        store = Counted(tmp_path)
        ledger = Ledger(store)
        state = ledger.read()
        ledger.write(State(items={"recording:1": items["recording:1"]}))
        ledger.compact(state, 0.0)
        most |= store.calls
    assert most["list"] == 2
    assert most["get"] <= MAX_OBJECTS
    assert most["put"] == 2
    assert most["delete"] <= MAX_OBJECTS
    assert sum(item.is_open for item in Ledger(Counted(tmp_path)).read().items.values()) == 14
