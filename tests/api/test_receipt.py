from __future__ import annotations

import json
from dataclasses import replace

import pytest

from airflow_provider_meetings.api.receipt import Receipt
from tests.contract.scripted import MEDIA

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
    sha256="00ff",
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
def test_what_proves_nothing_is_no_receipt(data: bytes | None) -> None:
    assert Receipt.from_bytes(data) is None


def test_it_describes_one_file_only() -> None:
    assert RECEIPT.describes(MEDIA)
    for other in (
        replace(MEDIA, platform="x"),
        replace(MEDIA, tenant="x"),
        replace(MEDIA, recording_id="x"),
        replace(MEDIA, file_id="x"),
        replace(MEDIA, kind="audio"),
    ):
        assert not RECEIPT.describes(other)


def test_the_stored_file_stands_where_it_stands_today() -> None:
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
        {"size": "5"},
        {"schema": 3},
    ],
)
def test_an_unsound_receipt_proves_nothing(change: dict[str, object]) -> None:
    data = json.loads(RECEIPT.to_bytes())
    assert Receipt.from_bytes(json.dumps(data).encode()) == RECEIPT
    assert Receipt.from_bytes(json.dumps({**data, **change}).encode()) is None


def test_a_receipt_nested_without_end_proves_nothing() -> None:
    assert Receipt.from_bytes(b"[" * 200_000) is None
