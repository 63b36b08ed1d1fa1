"""States over several loads: deleted and restored recordings, meetings with several recordings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

Load = Callable[..., dict[str, int]]
Make = Callable[..., dict[str, Any]]
Dump = Callable[[str], list[dict[str, Any]]]


def test_first_deletion_time_is_kept(load: Load, recording: Make, dump: Dump, now: datetime) -> None:
    def gone(reason: str, days: int) -> str:
        load(recordings=[recording(state="gone", files=[], reason=reason)], now=now + timedelta(days=days))
        (row,) = dump("recordings")
        assert row["reason"] == reason
        return str(row["_deleted_at"])

    assert gone("deleted", 1) == gone("it was deleted", 9)
    load(recordings=[recording()], now=now + timedelta(days=10))
    assert dump("recordings")[0]["_deleted_at"] is None
    assert gone("deleted again", 11).startswith("2026-05-15")


@pytest.mark.sqlite_cases("waited_as")
@pytest.mark.parametrize("waited_as", [{}, {"meeting_id": None}])
@pytest.mark.parametrize(
    ("states", "chosen"),
    [(("gone", "ready", "ready", "forbidden"), "rec-2"), (("gone", "unknown", "processing", "forbidden"), "rec-1")],
)
def test_meeting_is_settled_by_first_ready_recording(
    load: Load, recording: Make, dump: Dump, waited_as: dict[str, None], states: tuple[str, ...], chosen: str
) -> None:
    load(recordings=[recording(recording_id=None, state="absent", files=[], **waited_as)])
    rows = [recording(recording_id=f"rec-{n}", state=state, files=[]) for n, state in enumerate(states, 1)]
    load(recordings=rows[::-1])
    (item,) = [one for one in dump("pending_items") if one["item_key"].startswith("meeting")]
    assert (item["recording_id"], item["state"]) == (chosen, states[int(chosen[-1]) - 1])
    assert item["settled_at"] is not None


@pytest.mark.sqlite_cases
@pytest.mark.parametrize("state", ["gone", "forbidden", "unknown"])
def test_meeting_is_settled_by_recording_id_alone(load: Load, recording: Make, dump: Dump, state: str) -> None:
    load(recordings=[recording(recording_id=None, state="absent", files=[])])
    load(recordings=[recording(state="processing", files=[])])
    ids = {name: recording()[name] for name in ("platform", "tenant", "recording_id")}
    load(recordings=[{**ids, "state": state}])
    assert {item["item_key"]: item["state"] for item in dump("pending_items")} == {"meeting:m-1": state, "rec-1": state}
    assert all(item["settled_at"] for item in dump("pending_items"))
