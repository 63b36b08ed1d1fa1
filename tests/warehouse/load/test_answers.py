"""States over several loads: deleted and restored recordings, meetings with several recordings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

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
