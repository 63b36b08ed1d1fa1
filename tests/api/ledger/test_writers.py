"""Six writers on one ledger, whose compactions are cut short: nothing that one of them wrote is lost."""

from __future__ import annotations

import multiprocessing
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.api.errors import StoreError
from airflow_provider_meetings.api.landing.store import Store
from airflow_provider_meetings.api.ledger import ledger as module
from airflow_provider_meetings.api.ledger.ledger import Ledger, new_entry
from airflow_provider_meetings.api.ledger.state import State
from airflow_provider_meetings.storage.local.store import LocalStore
from tests.api.ledger.test_state import item
from tests.storage.s3.s3_bench import s3_bench

WRITERS = 6


@pytest.fixture(autouse=True)
def _few_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_OBJECTS", 6)


class Cut(Exception):
    """A process ends while it deletes what it has merged."""


class CutStore:
    """A store of a process that ends after some deletions."""

    def __init__(self, store: Store, deletions: int) -> None:
        self._store = store
        self._left = deletions

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def discard(self, key: str, *errors: type[OSError]) -> None:
        if not self._left:
            raise Cut
        self._left -= 1
        self._store.discard(key, *errors)


def write(store: Store, writer: int, rounds: int) -> None:
    """Open an item in each round, close that of the round before, and merge the objects."""
    rng = random.Random(writer)
    selector, entry = f"owner_id:{writer}", ""
    for number in range(rounds):
        ledger = Ledger(CutStore(store, rng.randrange(12)))
        state = read(ledger)
        assert {_key(writer, earlier) for earlier in range(number)} <= state.items.keys(), (
            "it reads what it has written"
        )
        changes = State(intervals={selector: ((number, number + 1.0),)}, since={selector: 0.0})
        if number:
            before = _key(writer, number - 1)
            changes.items[before] = state.items[before].replace(closed=frozenset({entry}))
        entry = new_entry()
        changes.items[_key(writer, number)] = item(opened=frozenset({entry}))
        try:
            ledger.write(changes)
            ledger.compact(state, 0.0)
        except Cut:
            continue


def read(ledger: Ledger) -> State:
    """Read as a task that is tried again: moto's listing fails if another thread deletes an object meanwhile."""
    with suppress(StoreError):
        return ledger.read()
    return read(ledger)


def _key(writer: int, number: int) -> str:
    return f"recording:{writer}-{number}"


def check(store: Store, rounds: int) -> None:
    state = Ledger(store).read()
    assert state.items.keys() == {_key(writer, number) for writer in range(WRITERS) for number in range(rounds)}
    still_open = {key for key, one in state.items.items() if one.is_open}
    assert still_open == {_key(writer, rounds - 1) for writer in range(WRITERS)}
    assert {state.intervals[f"owner_id:{writer}"] for writer in range(WRITERS)} == {((0.0, rounds),)}
    assert len(list(store.walk(module.FOLDER))) < WRITERS * rounds, "some were merged"


def test_processes_on_a_disk(tmp_path: Path) -> None:
    rounds, store = 12, LocalStore(tmp_path, f"file://{tmp_path}")
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=write, args=(store, writer, rounds)) for writer in range(WRITERS)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * WRITERS
    check(store, rounds)


def test_threads_on_s3() -> None:
    rounds = 4
    with s3_bench() as bench, ThreadPoolExecutor(WRITERS) as pool:
        store = bench.store()
        list(pool.map(write, [store] * WRITERS, range(WRITERS), [rounds] * WRITERS))
        check(store, rounds)
