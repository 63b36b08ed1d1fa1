from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_meetings.api.landing.receipt import Receipt
from tests.contract.landing import bench as benches
from tests.contract.landing.bench import BODY, Bench
from tests.contract.landing.scripted import MEDIA
from tests.contract.media.origin import video

RECEIPT = Receipt(
    platform="acme",
    tenant="t1",
    recording_id="rec-1",
    meeting_id="m-1",
    file_id="file-1",
    kind="video",
    name="file-1.video.mp4",
    uri="file:///old/file-1.video.mp4",
    size=5,
    sha256="00ff" * 16,
    media_type="video/mp4",
    validator="mtime-ns:1",
    landed_at="2026-11-20T00:00:00+00:00",
    started_at=None,
    ended_at=None,
)


def test_round_trip() -> None:
    assert Receipt.from_bytes(RECEIPT.to_bytes()) == RECEIPT


@pytest.mark.parametrize(
    "data",
    [
        None,
        b"",
        RECEIPT.to_bytes()[:40],
        b"null",
        b"[]",
        b"5",
        b"{}",
        b"\xff\xfe",
        json.dumps({**json.loads(RECEIPT.to_bytes()), "schema": 3}).encode(),
        json.dumps({**json.loads(RECEIPT.to_bytes()), "size": "5"}).encode(),
        json.dumps({**json.loads(RECEIPT.to_bytes()), "more": 1}).encode(),
    ],
)
def test_invalid_receipt_is_none(data: bytes | None) -> None:
    assert Receipt.from_bytes(data) is None


def test_describes() -> None:
    assert RECEIPT.describes(MEDIA)
    for other in (
        replace(MEDIA, platform="x"),
        replace(MEDIA, tenant="x"),
        replace(MEDIA, recording_id="x"),
        replace(MEDIA, file_id="x"),
        replace(MEDIA, kind="audio"),
    ):
        assert not RECEIPT.describes(other)


def test_stored_file_uses_current_uri() -> None:
    stored = RECEIPT.stored_file("skipped", "file:///new/file-1.video.mp4")
    assert (stored.uri, stored.outcome, stored.size) == ("file:///new/file-1.video.mp4", "skipped", 5)


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": ".."},
        {"name": "../other"},
        {"name": "a\x00b"},
        {"landed_at": "yesterday"},
        {"landed_at": None},
        {"schema": 3},
        {"schema": "2"},
        {"schema": 2.0},
        {"schema": True},
        {"schema": [2]},
        {"schema": {}},
        {"size": "5"},
        {"size": -1},
        {"size": True},
        {"size": 5.0},
        {"size": 2**63},
        {"size": None},
        {"sha256": "00ff"},
        {"sha256": "ZZ" * 32},
        {"sha256": 5},
        {"sha256": None},
        {"formats": "ab"},
        {"formats": [1]},
        {"formats": {}},
        {"version": 0},
        {"version": True},
        {"version": None},
        {"version": "2"},
        {"former_sha256": "x"},
        {"former_sha256": 5},
        {"platform": 7},
        {"tenant": None},
        {"recording_id": []},
        {"file_id": None},
        {"kind": None},
        {"uri": 5},
        {"media_type": None},
        {"media_type": "video/\ud800"},
        {"meeting_id": 5},
        {"meeting_id": "\0"},
        {"started_at": 5},
        {"ended_at": 5},
        {"validator": None},
        {"tool": []},
        {"name": None},
        {"name": "a" * 256},
        {"name": "蓝" * 86},
        {"name": "\ud800"},
        {"name": "file-2.video.receipt.json"},
        {"name": "file-2.video.part.json"},
    ],
    ids=lambda change: repr(change)[:40],
)
def test_invalid_field_makes_receipt_invalid(change: dict[str, object]) -> None:
    data = json.loads(RECEIPT.to_bytes())
    assert Receipt.from_bytes(json.dumps(data).encode()) == RECEIPT
    assert Receipt.from_bytes(json.dumps({**data, **change}).encode()) is None


def test_deeply_nested_receipt_is_invalid() -> None:
    assert Receipt.from_bytes(b"[" * 200_000) is None


def test_long_name_is_valid() -> None:
    one = msgspec.structs.replace(RECEIPT, name="a" * 255)
    assert Receipt.from_bytes(one.to_bytes()) == one


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["ab" * 32, ".."]),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=5), below, max_size=3),
    max_leaves=5,
)
FIELDS = st.sampled_from(Receipt.__struct_fields__)


def _parse(data: bytes) -> None:
    receipt = Receipt.from_bytes(data)
    if receipt is not None:
        assert receipt.stored_file("skipped", "x").size == receipt.size >= 0
        assert Receipt.from_bytes(receipt.to_bytes()) == receipt
        assert not receipt.describes(replace(MEDIA, file_id="another"))


@settings(max_examples=300, deadline=None)
@given(changes=st.dictionaries(FIELDS, JSON, min_size=1, max_size=3))
def test_any_field_values_never_raise(changes: dict[str, Any]) -> None:
    _parse(json.dumps({**json.loads(RECEIPT.to_bytes()), **changes}).encode())


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=50) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_never_raise(data: bytes) -> None:
    _parse(data)


def test_pipe_in_place_of_receipt_is_ignored(bench: Bench) -> None:
    """A plain open would block for ever."""
    bench.target.parent.mkdir(parents=True)
    os.mkfifo(bench.root / benches.RECEIPT)
    assert bench.land(video(BODY)).outcome == "landed"
    assert bench.receipt()["file_id"] == "file-1"


def test_unknown_schema_lands_again(bench: Bench) -> None:
    bench.land(video(BODY))
    (bench.root / benches.RECEIPT).write_text(json.dumps({**bench.receipt(), "schema": [2]}))
    assert bench.land(video(BODY)).outcome == "replaced"
