"""The rows that show a ledger: what is open, and up to when each selector is listed and settled."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from tests.warehouse.ledgers import DATE, DONE, item, ledger

Load = Callable[..., dict[str, int]]
Make = Callable[..., dict[str, Any]]
Dump = Callable[[str], list[dict[str, Any]]]
Sql = Callable[[str], list[dict[str, Any]]]


def test_item_is_pending_until_it_settles(load: Load, dump: Dump, sql: Sql) -> None:
    load(ledger=ledger(item(), item(item_key="meeting:never-waited", settled_at=DONE)))
    (row,) = dump("pending_items")
    assert (row["item_key"], row["state"], row["reason"], row["settled_at"]) == (
        "meeting:m-1",
        "processing",
        "why",
        None,
    )
    assert (row["first_seen_at"][:10], row["last_seen_at"][:10]) == ("2026-05-01", "2026-05-02")
    assert len(sql("SELECT * FROM v_pending")) == 1
    done = item(state="ready", reason=None, recording_id="rec-1", last_seen_at=DONE, settled_at=DONE)
    assert load(ledger=ledger(done))["pending_items"] == 1
    assert load(ledger=ledger(done))["pending_items"] == 0
    (row,) = dump("pending_items")
    assert (row["state"], row["reason"], row["recording_id"]) == ("ready", None, "rec-1")
    assert (row["last_seen_at"][:10], row["settled_at"][:10]) == ("2026-05-03", "2026-05-03")
    assert sql("SELECT * FROM v_pending") == []
    load(ledger=ledger(item(state="ready")))
    assert [row["item_key"] for row in sql("SELECT item_key FROM v_pending")] == ["meeting:m-1"]


def test_dates_may_move_back(load: Load, dump: Dump, now: datetime) -> None:
    assert load(ledger=ledger(dates=[DATE, {**DATE, "listed_by": "window"}]))["sync_clocks"] == 2
    before = {row["selector"]: row for row in dump("sync_clocks")}
    assert before["window"]["clock_id"] != before["owner_id:zhang"]["clock_id"]
    earlier = {**DATE, "settled_up_to": "2026-04-30T00:00:00+00:00"}
    later = now + timedelta(hours=1)
    assert load(ledger=ledger(dates=[earlier, {**DATE, "listed_by": "window"}]), now=later)["sync_clocks"] == 1
    after = {row["selector"]: row for row in dump("sync_clocks")}
    assert after["window"] == before["window"]
    assert [after["owner_id:zhang"][name][:10] for name in ("seen_until", "settled_until")] == [
        "2026-05-04",
        "2026-04-30",
    ]


def test_load_without_ledger_writes_neither(load: Load, recording: Make, dump: Dump) -> None:
    window = {"endpoint": "/list", "selector": "zhang", "end": "2026-05-02T00:00:00+00:00", "outcome": "complete"}
    summary = {"platform": "wecom", "tenant": "corp", "windows": [window]}
    arguments = {"recordings": [recording(state="processing", files=[])], "summaries": [summary]}
    load(**arguments)
    assert (dump("pending_items"), dump("sync_clocks")) == ([], [])
    load(ledger=ledger(item(), dates=[DATE]))
    before = dump("pending_items"), dump("sync_clocks")
    load(**arguments)
    assert (dump("pending_items"), dump("sync_clocks")) == before


def test_of_equal_keys_an_open_item_counts(load: Load, dump: Dump) -> None:
    load(ledger=ledger(item(), item(settled_at=DONE)))
    assert [row["settled_at"] for row in dump("pending_items")] == [None]
