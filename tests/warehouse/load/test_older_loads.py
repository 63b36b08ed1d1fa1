"""An older load that runs after a newer one, as when a task is cleared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Load = Callable[..., dict[str, int]]
Make = Callable[..., dict[str, Any]]
Dump = Callable[[str], list[dict[str, Any]]]


@pytest.mark.sqlite_cases("ids")
@pytest.mark.parametrize(
    "ids", [{"meeting_id": "m-1", "meeting_number": None}, {"meeting_id": None, "meeting_number": "123456789"}]
)
@pytest.mark.parametrize("first", [True, False])
def test_settled_item_without_id_does_not_wait_again(
    load: Load, recording: Make, dump: Dump, first: bool, ids: dict[str, Any]
) -> None:
    waiting = recording(recording_id=None, state="processing", files=[], **ids)
    if first:
        load(recordings=[waiting])
    load(recordings=[recording()])
    load(recordings=[waiting])
    assert [item for item in dump("pending_items") if item["settled_at"] is None] == []


def test_other_meeting_still_waits(load: Load, recording: Make, dump: Dump) -> None:
    load(recordings=[recording()])
    load(recordings=[recording(recording_id=None, meeting_id="m-2", meeting_number=None, state="processing", files=[])])
    load(recordings=[recording(recording_id=None, tenant="other", meeting_number=None, state="processing", files=[])])
    assert [item["item_key"] for item in dump("pending_items")] == ["meeting:m-2", "meeting:m-1"]


def test_later_landing_is_kept(load: Load, stored: Make, dump: Dump) -> None:
    older, later = (
        stored(sha256="aa", landed_at="2026-05-02T00:00:00+00:00"),
        stored(sha256="bb", landed_at="2026-05-09T00:00:00+00:00"),
    )
    load(stored_files=[older])
    load(stored_files=[later])
    load(stored_files=[older])
    assert [row["sha256"] for row in dump("recording_files")] == ["bb"]
    load(stored_files=[stored(sha256="cc", landed_at="2026-05-09T00:00:00+00:00")])
    assert [row["sha256"] for row in dump("recording_files")] == ["cc"]
