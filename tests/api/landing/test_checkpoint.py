from __future__ import annotations

import json

import pytest

from airflow_provider_meetings.api.landing.checkpoint import Checkpoint

CHECKPOINT = Checkpoint(name="f.video.mp4", length=5, validator='"v1"', writer_state={"upload_id": "u"})


def test_round_trip() -> None:
    assert Checkpoint.from_bytes(CHECKPOINT.to_bytes()) == CHECKPOINT


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"name": "../other"},
        {"name": 5},
        {"length": "5"},
        {"validator": 7},
        {"validator": 'W/"v1"'},
        {"validator": '"v\r\nX: y"'},
        {"validator": '"€"'},
        {"length": -1},
        {"length": True},
        {"length": 10**30},
        {"writer_state": []},
        {"writer_state": None},
        {"more": 1},
    ],
)
def test_invalid_field_makes_checkpoint_invalid(change: dict[str, object]) -> None:
    data = json.dumps({**json.loads(CHECKPOINT.to_bytes()), **change}).encode()
    assert Checkpoint.from_bytes(data) is None


@pytest.mark.parametrize("data", [None, b"", b"{", b"null", b"[]", b"\xff", b"[" * 100_000, CHECKPOINT.to_bytes()[:-9]])
def test_truncated_checkpoint_is_invalid(data: bytes | None) -> None:
    assert Checkpoint.from_bytes(data) is None
