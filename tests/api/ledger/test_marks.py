"""Marks of what was forgotten: found by one listing, by who has the key only, and not lost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.landing.store import ListedObject
from airflow_provider_meetings.api.ledger.ledger import FOLDER as FOLDER_OF_LEDGER
from airflow_provider_meetings.api.ledger.ledger import MAX_OBJECTS, Ledger
from airflow_provider_meetings.api.ledger.marks import FOLDER, MarkKind, Marks, subject_hash
from airflow_provider_meetings.api.ledger.state import State
from airflow_provider_meetings.api.models import Recording, RecordingState
from airflow_provider_meetings.storage.local.store import LocalStore

KEY = b"0123456789abcdef"
OTHER_KEY = b"fedcba9876543210"
SUBJECT = (MarkKind.RECORDING, "acme", "t", "r1")
HASH = subject_hash(KEY, *SUBJECT)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path, f"file://{tmp_path}")


def marks(store: LocalStore, key: bytes = KEY) -> Marks:
    return Marks(store, lambda: key)


def recording(**changes: Any) -> Recording:
    values = {"platform": "acme", "tenant": "t", "recording_id": "r1", "owner_id": "o1", "state": RecordingState.READY}
    return Recording(**{**values, **changes})


def test_mark_is_of_one_id_of_one_kind(store: LocalStore) -> None:
    marks(store).add(HASH, {"erasure_id": "e1"})
    found = marks(store)
    assert found.has(*SUBJECT)
    for other in (
        (MarkKind.OWNER, "acme", "t", "r1"),
        (MarkKind.RECORDING, "acme", "t", "r11"),
        (MarkKind.RECORDING, "acme", "tr", "1"),
        (MarkKind.RECORDING, "acm", "et", "r1"),
        (MarkKind.RECORDING, "acme", "t", None),
    ):
        assert not found.has(*other)


def test_recording_is_forgotten_with_its_owner(store: LocalStore) -> None:
    marks(store).add(HASH, {})
    marks(store).add(subject_hash(KEY, MarkKind.OWNER, "acme", "t", "o2"), {})
    found = marks(store)
    assert (found.mark_of(recording()) or "") in found
    assert (found.mark_of(recording(recording_id=None, owner_id="o2")) or "") in found
    assert not found.mark_of(recording(recording_id="r2"))
    assert not found.mark_of(recording(recording_id=None, owner_id=None))


def test_reading_all_marks_reads_no_object(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        marks(store).add(subject_hash(KEY, MarkKind.POST, "acme", "t", str(number)), {})
    folders: list[str] = []
    walk = store.walk

    def noted(folder: str) -> Iterator[ListedObject]:
        folders.append(folder)
        return walk(folder)

    monkeypatch.setattr(store, "walk", noted)
    monkeypatch.setattr(store, "open", None)
    monkeypatch.setattr(store, "read", None)
    found = marks(store)
    assert all(found.has(MarkKind.POST, "acme", "t", str(number)) for number in range(20))
    assert folders == [FOLDER]


def test_names_and_contents_have_no_id(store: LocalStore, tmp_path: Path) -> None:
    marks(store).add(subject_hash(KEY, MarkKind.OWNER, "acme", "tenant-1", "ou_7d8a6e"), {"erasure_id": "e1"})
    (path,) = (tmp_path / FOLDER).iterdir()
    assert json.loads(path.read_bytes()) == {"erasure_id": "e1"}
    assert subject_hash(KEY, MarkKind.OWNER, "acme", "tenant-1", "ou_7d8a6e") in path.name
    assert not any(text in path.name for text in ("acme", "tenant", "ou_", "owner"))


def test_without_marks_no_key_is_needed(store: LocalStore) -> None:
    assert not marks(store, b"").mark_of(recording())
    assert not marks(store, b"").remove([HASH])


@pytest.mark.parametrize("key", [b"", b"too short"])
def test_marks_without_a_key_are_an_error(store: LocalStore, key: bytes) -> None:
    marks(store).add(HASH, {})
    with pytest.raises(InvalidRequest, match=r"at least 16 bytes.*redact_key"):
        marks(store, key)


def test_marks_of_another_key_are_an_error(store: LocalStore) -> None:
    """Also to mark more: those of the other key would keep nothing out."""
    empty = marks(store)
    marks(store, OTHER_KEY).add(subject_hash(OTHER_KEY, *SUBJECT), {})
    with pytest.raises(InvalidRequest, match=r"another key.*Set the option redact_key.*back"):
        marks(store)
    with pytest.raises(InvalidRequest, match="another key"):
        empty.read()


def test_mark_stays_until_it_is_removed(store: LocalStore) -> None:
    both = marks(store)
    both.add(HASH, {})
    both.add(subject_hash(KEY, MarkKind.OWNER, "acme", "t", "o1"), {})
    assert both.has(*SUBJECT)
    assert both.remove([HASH])
    assert not both.remove([HASH])
    assert not both.has(*SUBJECT)
    assert both.mark_of(recording())


def test_marking_twice_is_one_mark(store: LocalStore, tmp_path: Path) -> None:
    for _ in range(2):
        marks(store).add(HASH, {})
    assert len(list((tmp_path / FOLDER).iterdir())) == 1


def test_ledger_that_is_compacted_or_deleted_leaves_marks_alone(store: LocalStore, tmp_path: Path) -> None:
    marks(store).add(HASH, {})
    for _ in range(MAX_OBJECTS):
        Ledger(store).write(State())
    ledger = Ledger(store)
    ledger.compact(ledger.read(), 0.0)
    assert marks(store).has(*SUBJECT)
    shutil.rmtree(tmp_path / FOLDER_OF_LEDGER)
    assert marks(store).has(*SUBJECT)


def test_other_objects_are_no_marks(store: LocalStore) -> None:
    store.put(f"{FOLDER}/README.txt", b"")
    store.put(f"acme/{FOLDER}/{'0' * 8}-{'0' * 64}.json", b"")
    assert not marks(store, b"").has(*SUBJECT)


@pytest.mark.parametrize("name", ["walk", "put", "delete"])
def test_failing_store_is_an_error(store: LocalStore, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Never an absence of marks."""
    present = marks(store)
    present.add(HASH, {})

    def fail(*_: Any) -> Any:
        raise OSError(5, "no answer")

    monkeypatch.setattr(store, name, fail)
    calls: dict[str, Callable[[], object]] = {
        "walk": lambda: marks(store).has(*SUBJECT),
        "put": lambda: present.add(HASH, {}),
        "delete": lambda: present.remove([HASH]),
    }
    with pytest.raises(OSError, match="no answer"):
        calls[name]()
