"""Recordings to load, as dicts; imports nothing, so that the peers can use it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def recordings(count: int, suffix: str) -> Iterator[dict[str, Any]]:
    """Make `count` recordings without files; their titles end with `suffix`."""
    for i in range(count):
        token = f"obcn{i * 7919 % count:020d}"
        yield {
            "platform": "feishu",
            "tenant": "cli_a1b2c3d4e5f6",
            "recording_id": token,
            "state": "ready",
            "meeting_id": f"7571{i:015d}",
            "meeting_number": f"{i % 10**9:09d}",
            "owner_id": f"ou_{i % 997:032d}",
            "title": f"周会 weekly review {i} {suffix}",
            "started_at": f"2026-11-{1 + i % 28:02d}T02:01:12.477000+00:00",
            "ended_at": f"2026-11-{1 + i % 28:02d}T02:46:26.477000+00:00",
            "duration_ms": 2_714_000 + i,
            "reason": None,
            "page_url": f"https://sample.feishu.cn/minutes/{token}",
            "files": [],
            "source": {
                "token": token,
                "create_time": "1794276072477",
                "title": f"周会 weekly review {i} {suffix}",
                "duration": str(2_714_000 + i),
            },
        }
