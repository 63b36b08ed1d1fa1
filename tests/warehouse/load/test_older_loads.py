"""An older load that runs after a newer one, as when a task is cleared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Load = Callable[..., dict[str, int]]
Make = Callable[..., dict[str, Any]]
Dump = Callable[[str], list[dict[str, Any]]]


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
