"""What a ledger says, as the loads take it."""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]

OWNER: Row = {"platform": "wecom", "tenant": "corp"}
DONE = "2026-05-03T00:00:00+00:00"
DATE: Row = {
    **OWNER,
    "listed_by": "owner_id:zhang",
    "listed_up_to": "2026-05-04T00:00:00+00:00",
    "settled_up_to": "2026-05-02T00:00:00+00:00",
}


def item(**changes: Any) -> Row:
    """Return an item that is open."""
    return {
        **OWNER,
        "item_key": "meeting:m-1",
        "recording_id": None,
        "meeting_id": "m-1",
        "meeting_number": None,
        "listed_by": "owner_id:zhang",
        "state": "processing",
        "reason": "why",
        "first_seen_at": "2026-05-01T00:00:00+00:00",
        "last_seen_at": "2026-05-02T00:00:00+00:00",
        "settled_at": None,
        **changes,
    }


def ledger(*items: Row, dates: list[Row] | None = None) -> Row:
    return {"items": list(items), "dates": dates or []}
